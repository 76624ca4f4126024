"""Two versions of a policy's rules side by side, matched by name (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal

Raw = Mapping[str, Any]
Kind = Literal["added", "removed", "changed", "moved"]
_NOTHING: tuple[Any, ...] = (None, "", [], {}, ())


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What became of one rule; places count from 1 and are 0 where the rule is not there.

    A rule that was changed and moved as well is `changed`, with both places.
    """

    kind: Kind
    name: str
    old_place: int = 0
    new_place: int = 0
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    is_moved: bool = False


def changes(old: Sequence[Raw], new: Sequence[Raw]) -> list[RuleChange]:
    """Every rule that is not the same, in the new order; the removed ones last."""
    before = {str(rule.get("name")): at for at, rule in enumerate(old)}
    after = {str(rule.get("name")): at for at, rule in enumerate(new)}
    moved = _moved(list(before), list(after))
    found = [
        _change(name, before.get(name), at, old, new, is_moved=name in moved)
        for name, at in after.items()
    ]
    gone = [
        RuleChange("removed", name, old_place=at + 1)
        for name, at in before.items()
        if name not in after
    ]
    return [change for change in found if change is not None] + gone


def fields_of(old: Raw, new: Raw) -> dict[str, tuple[Any, Any]]:
    """The fields that differ; an empty one is the same as a missing one."""
    names = [*old, *(name for name in new if name not in old)]
    pairs = {name: (old.get(name), new.get(name)) for name in names}
    return {
        name: (was, now)
        for name, (was, now) in pairs.items()
        if was != now and not (was in _NOTHING and now in _NOTHING)
    }


def _change(
    name: str,
    was: int | None,
    at: int,
    old: Sequence[Raw],
    new: Sequence[Raw],
    *,
    is_moved: bool,
) -> RuleChange | None:
    if was is None:
        return RuleChange("added", name, new_place=at + 1)
    fields = fields_of(old[was], new[at])
    if not fields and not is_moved:
        return None
    kind: Kind = "changed" if fields else "moved"
    return RuleChange(kind, name, was + 1, at + 1, fields, is_moved)


def _moved(before: list[str], after: list[str]) -> set[str]:
    """The rules in both that another one overtook, as few as explain the new order."""
    old = [name for name in before if name in set(after)]
    new = [name for name in after if name in set(before)]
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    kept = {name for block in blocks for name in old[block.a : block.a + block.size]}
    return set(old) - kept
