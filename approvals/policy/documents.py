"""A policy as a file: its name, rules and cases in YAML or JSON (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.policy.cases import (
    MAX_FILE_CHARACTERS,
    Case,
    CasesError,
    cases_of,
    load_cases,
    read_yaml,
)

_FIELDS = frozenset({"name", "comment", "rules", "tests", "cases"})


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says: rules as they would be saved, and the cases they must pass."""

    name: str
    rules: list[dict[str, Any]]
    cases: tuple[Case, ...]


def read_document(text: str) -> Document:
    """A policy's file: `{name?, rules, cases?}`, the body of `POST policies`, or rules alone.

    Raises CasesError for what is neither; whether the rules compile is asked by `load_rules`.
    """
    read = read_yaml(text, limit=MAX_FILE_CHARACTERS)
    if isinstance(read, list):
        read = {"rules": read}
    if not isinstance(read, Mapping) or "rules" not in read:
        raise CasesError("a policy is needed: an object with `rules`, or a list of rules")
    if unknown := sorted(map(str, set(read) - _FIELDS)):
        raise CasesError(f"a policy has no field {unknown[0]!r}")
    if not isinstance(read["rules"], list):
        raise CasesError("rules is a list")
    return Document(str(read.get("name") or ""), read["rules"], _cases(read))


def _cases(read: Mapping[str, Any]) -> tuple[Case, ...]:
    if "cases" in read:
        return cases_of(read["cases"])
    tests = read.get("tests") or ""
    return load_cases(tests) if isinstance(tests, str) else cases_of(tests)
