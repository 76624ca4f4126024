"""A policy's own tests: YAML cases of facts and what the rules must say to them (pure).

The reader is narrow on purpose: no tags, no aliases (they multiply when they are walked), no key
twice, and only JSON's scalars, so that `no` is a text and a date stays one.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from approvals.policy import facts
from approvals.policy.engine import Evaluation, PolicyRule, evaluate
from approvals.policy.rules import VARIABLES, VERDICTS

MAX_CHARACTERS = 65_536
# A file of rules and cases together.
MAX_FILE_CHARACTERS = 4 * MAX_CHARACTERS
MAX_CASES = 200
MAX_DEPTH = 40
# A Wednesday at noon: a case that names no time must not depend on when it is run.
DEFAULT_TIME = dt.datetime(2026, 1, 14, 12, tzinfo=dt.UTC)
_OTHERS = frozenset({"name", "at", "zone", "facts", "expect"})
_EXPECTED = ("verdict", "rule", "reviewers", "quorum", "hold_s")
_CORE = {
    "tag:yaml.org,2002:null": ("^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    "tag:yaml.org,2002:bool": ("^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "tag:yaml.org,2002:int": ("^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$",
        list("-+0123456789."),
    ),
}


class CasesError(ValueError):
    """The text holds no cases that could be run; says where."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test: these facts, and what must be said to them."""

    name: str
    facts: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one test found: `detail` says what was expected and what came instead."""

    case: str
    passed: bool
    detail: str
    verdict: str
    rule: str


def load_cases(text: str) -> tuple[Case, ...]:
    """The cases of a YAML text, `cases: [...]` or the list alone; none of an empty text.

    Raises CasesError for what is too long, too deep, not plain YAML, or no case.
    """
    if not text.strip():
        return ()
    return cases_of(read_yaml(text))


def read_yaml(text: str, *, limit: int = MAX_CHARACTERS) -> Any:
    """A YAML (or JSON) text as plain JSON values; raises CasesError, naming line and column."""
    if len(text) > limit:
        raise CasesError(f"at most {limit} characters")
    try:
        return yaml.load(text, Loader=_Plain)  # noqa: S506 - a SafeLoader that takes even less
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CasesError(f"{place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise CasesError("it holds characters that YAML does not allow") from error


def cases_of(read: Any) -> tuple[Case, ...]:
    """The cases of a document that was read already; raises CasesError."""
    raw = read.get("cases") if isinstance(read, Mapping) else read
    if not isinstance(raw, list):
        raise CasesError("a list of cases is needed, under `cases`")
    if len(raw) > MAX_CASES:
        raise CasesError(f"at most {MAX_CASES} cases")
    found = tuple(_case(entry, number) for number, entry in enumerate(raw, 1))
    names = [case.name for case in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CasesError(f"the case {twice!r} is there twice")
    return found


def run_cases(rules: Sequence[PolicyRule], cases: Iterable[Case]) -> list[Outcome]:
    """Each case against these rules alone, and the default where none of them matches."""
    return [_outcome(case, evaluate(rules, case.facts)) for case in cases]


def failed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes that are not as expected."""
    return [outcome for outcome in outcomes if not outcome.passed]


def _outcome(case: Case, said: Evaluation) -> Outcome:
    got = _said(said)
    wrong = [
        f"{name} is {got[name]!r}, expected {wanted!r}"
        for name, wanted in case.expect.items()
        if got[name] != (sorted(wanted) if name == "reviewers" else wanted)
    ]
    return Outcome(case.name, not wrong, "; ".join(wrong), str(said.verdict), said.rule_name)


def _said(said: Evaluation) -> dict[str, Any]:
    asked = said.requirement
    return {
        "verdict": str(said.verdict),
        "rule": said.rule_name,
        "reviewers": sorted(asked.reviewers) if asked else [],
        "quorum": asked.quorum if asked else 0,
        "hold_s": said.hold_s,
    }


def _case(raw: Any, number: int) -> Case:
    if not isinstance(raw, Mapping):
        raise CasesError(f"case {number}: an object is needed")
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip():
        raise CasesError(f"case {number}: a name is needed")
    if unknown := sorted(map(str, set(raw) - _OTHERS - set(VARIABLES))):
        raise CasesError(f"case {name!r}: there is no such field as {unknown[0]!r}")
    given = {**_mapping(raw.get("facts"), name, "facts")}
    given |= {key: raw[key] for key in VARIABLES if key in raw}
    return Case(name.strip(), _facts(given, raw, name), _expect(raw.get("expect"), name))


def _facts(given: dict[str, Any], raw: Mapping[str, Any], case: str) -> dict[str, Any]:
    for short, field in (("tool", "name"), ("agent", "slug")):
        if isinstance(given.get(short), str):
            given[short] = {field: given[short]}
    lists = {"affected": given.pop("affected", [])}
    if not isinstance(lists["affected"], list):
        raise CasesError(f"case {case!r}: affected is a list")
    objects = {
        name: _mapping(given.pop(name, None), case, name) for name in VARIABLES if name in given
    }
    if given:
        raise CasesError(f"case {case!r}: no rule sees {sorted(given)[0]!r}")
    moment, zone = _moment(raw, case)
    try:
        base = facts.build(
            args={}, tool={}, agent={}, env={"kind": "sandbox"}, now=moment, time_zone=zone
        )
        return {**base, **objects, **lists, "time": {**base["time"], **objects.get("time", {})}}  # type: ignore[dict-item]
    except ZoneInfoNotFoundError as error:
        raise CasesError(f"case {case!r}: there is no time zone {zone!r}") from error


def _moment(raw: Mapping[str, Any], case: str) -> tuple[dt.datetime, str]:
    zone, at = raw.get("zone", "UTC"), raw.get("at")
    if not isinstance(zone, str):
        raise CasesError(f"case {case!r}: zone is the name of a time zone")
    if at is None:
        return DEFAULT_TIME, zone
    try:
        moment = dt.datetime.fromisoformat(at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))), zone
    except (TypeError, ValueError, ZoneInfoNotFoundError) as error:
        raise CasesError(f"case {case!r}: at is a time such as 2026-01-14T23:30") from error


def _expect(raw: Any, case: str) -> dict[str, Any]:
    expect = dict(_mapping(raw, case, "expect"))
    if unknown := sorted(map(str, set(expect) - set(_EXPECTED))):
        raise CasesError(f"case {case!r}: nothing can be expected of {unknown[0]!r}")
    if not expect:
        raise CasesError(f"case {case!r}: say under `expect` what must come out")
    if "verdict" in expect and expect["verdict"] not in VERDICTS:
        raise CasesError(f"case {case!r}: the verdict is one of {', '.join(VERDICTS)}")
    reviewers = expect.get("reviewers", [])
    if not isinstance(reviewers, list) or not all(isinstance(name, str) for name in reviewers):
        raise CasesError(f"case {case!r}: reviewers is a list of texts")
    return expect


def _mapping(value: Any, case: str, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise CasesError(f"case {case!r}: {name} is an object")
    return value


class _Plain(yaml.SafeLoader):
    """YAML with JSON's values only."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node; refuses aliases, tags and what is nested too deeply."""
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="aliases are not read", problem_mark=event.start_mark
            )
        if getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="tags are not read", problem_mark=event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """An object; refuses keys that are no text or there twice."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem="every key is a text, and there once", problem_mark=key.start_mark
                )
            key.tag = "tag:yaml.org,2002:str"
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


for _tag, (_pattern, _first) in _CORE.items():
    _Plain.add_implicit_resolver(_tag, re.compile(_pattern), _first)
