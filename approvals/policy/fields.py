"""Reading the fields of a rule as they were written: typed, and with an error per field (pure)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.findings import Ruling
from approvals.requirement import (
    MAX_ALTERNATIVES,
    MAX_QUORUM,
    MAX_REVIEWERS,
    MAX_STAGES,
    Alternative,
    Stage,
    reviewer_problem,
)
from gateway.lib.cel import CelError

MAX_TEXT = 500
MAX_STAGE_NAME = 60
_WAY = frozenset({"reviewers", "quorum"})
# A rule that says any of these has said what the first way to agree is.
_SAYS_FIRST = _WAY | {"reviewers_from"}
_STAGE = frozenset({"name", "reviewers", "quorum", "alternatives"})


class PolicyError(ValueError):
    """A rule cannot be used: which rule, which field, why, and a caret for expressions."""

    def __init__(self, rule: str, field: str, message: str, fault: CelError | None = None) -> None:
        super().__init__(f"{rule}, {field}: {message}")
        self.rule = rule
        self.field = field
        self.message = message
        self.caret = fault.caret_text if fault else ""
        self.line = fault.line if fault else None
        self.column = fault.column if fault else None


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed reading of one raw object; an explicit null is the same as a missing field.

    `place` leads to the object inside its rule, such as `stages[0].`; every reader raises
    PolicyError with the whole path of the field.
    """

    rule: str
    raw: Mapping[str, Any]
    place: str = ""

    def error(self, name: str, message: str) -> PolicyError:
        """The error of one field."""
        return PolicyError(self.rule, f"{self.place}{name}", message)

    def only(self, known: Collection[str]) -> None:
        """Refuse fields that nobody would read."""
        if unknown := sorted(map(str, set(self.raw) - set(known))):
            raise self.error(unknown[0], "there is no such field")

    def text(self, name: str, *, needed: bool = False, limit: int | None = MAX_TEXT) -> str:
        """A text without the space around it; empty where it is missing."""
        value = self.raw.get(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value.strip()):
            raise self.error(name, "a text is needed")
        if limit is not None and len(value) > limit:
            raise self.error(name, f"at most {limit} characters")
        return value.strip()

    def verdict(self, known: Collection[Ruling]) -> Ruling:
        """What the rule says."""
        value = self.raw.get("verdict")
        if not isinstance(value, str) or value not in known:
            raise self.error("verdict", f"one of {', '.join(known)}")
        return Ruling(value)

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number between two bounds."""
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(name, f"a whole number from {least} to {most}")
        return value

    def fraction(self, name: str) -> float:
        """A part of the time to decide, between 0 and 1; 0 where it is missing."""
        value = self.raw.get(name)
        if value is None:
            return 0.0
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < 1:
            raise self.error(name, "a fraction of the time to decide, above 0 and below 1")
        return float(value)

    def flag(self, name: str) -> bool | None:
        """True, false, or None where it is missing."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.error(name, "true or false")
        return value

    def reviewers(self, name: str = "reviewers") -> tuple[str, ...]:
        """Names of roles, groups and people."""
        value = self.raw.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.error(name, "a list of texts is needed")
        if len(value) > MAX_REVIEWERS:
            raise self.error(name, f"at most {MAX_REVIEWERS} names")
        for reviewer in value:
            if problem := reviewer_problem(reviewer):
                raise self.error(name, f"{reviewer!r}: {problem}")
        return tuple(value)

    def ways(self) -> tuple[Alternative, tuple[Alternative, ...]]:
        """The first way to agree and the others.

        Where only `alternatives` are given, their first is the first: anything else would let one
        reviewer agree beside them.
        """
        others = [self._way(entry, n) for n, entry in enumerate(self._objects("alternatives"))]
        said = {name for name, value in self.raw.items() if value is not None}
        first = self._first() if _SAYS_FIRST & said or not others else others.pop(0)
        if len(others) > MAX_ALTERNATIVES:
            raise self.error("alternatives", f"at most {MAX_ALTERNATIVES} beside the first")
        return first, tuple(others)

    def stages(self) -> tuple[Stage, ...]:
        """The stages in their order."""
        entries = self._objects("stages")
        if len(entries) > MAX_STAGES:
            raise self.error("stages", f"at most {MAX_STAGES} stages")
        stages = tuple(self._stage(entry, number) for number, entry in enumerate(entries))
        for number, stage in enumerate(stages):
            if stage.name in {earlier.name for earlier in stages[:number]}:
                raise self.error(f"stages[{number}].name", "another stage has the same name")
        return stages

    def _stage(self, raw: Any, number: int) -> Stage:
        read = self._inside(raw, f"stages[{number}]")
        read.only(_STAGE)
        first, others = read.ways()
        name = read.text("name", needed=True, limit=MAX_STAGE_NAME)
        return Stage(name, first.reviewers, first.quorum, others)

    def _way(self, raw: Any, number: int) -> Alternative:
        read = self._inside(raw, f"alternatives[{number}]")
        read.only(_WAY)
        return read._first()

    def _first(self) -> Alternative:
        quorum = self.number("quorum", 1, least=1, most=MAX_QUORUM)
        return Alternative(self.reviewers(), quorum)

    def _objects(self, name: str) -> list[Any]:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, list | tuple):
            raise self.error(name, "a list of objects is needed")
        return list(value or ())

    def _inside(self, raw: Any, place: str) -> "Fields":
        if not isinstance(raw, Mapping):
            raise self.error(place, "an object is needed")
        return Fields(self.rule, raw, f"{self.place}{place}.")
