"""What an expression looks at, read from its text; and where that is masked in stored facts (pure).

The reading errs on the side of more: a place counts as looked at as soon as it might be.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from approvals.policy.engine import Evaluation, PolicyRule
from approvals.policy.rules import VARIABLES
from approvals.redact import has_mask
from gateway.lib.pointer import pointer

Path = tuple[str, ...]
_START = re.compile(rf"\b(?:{'|'.join(VARIABLES)})\b")
_STEP = re.compile(
    r"\s*(?:\.\s*(?P<name>[A-Za-z_]\w*)\b(?!\s*\()"
    r"|\[\s*(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^'\\]*)'|(?P<index>\d+))\s*\])"
)
_REACHED = ("matched", "not_matched", "error")


def paths_in(source: str) -> set[Path]:
    """Every place that the expression may look at, from the variable on.

    `args.customer["id"]` gives one step after the other; what is computed (`args[name]`) ends the
    path before it, so that the whole of `args` counts.
    """
    return {_path(source, start) for start in _START.finditer(source)}


def _path(source: str, start: re.Match[str]) -> Path:
    steps = [start.group()]
    at = start.end()
    while step := _STEP.match(source, at):
        steps.append(next(text for text in step.groups() if text is not None))
        at = step.end()
    return tuple(steps)


def masked_in(facts: Mapping[str, Any]) -> set[Path]:
    """Where stored facts hold a mask in the place of a value, or of a part of it."""
    return set(_masks(facts, ()))


def _masks(value: Any, at: Path) -> Iterator[Path]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _masks(inner, (*at, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _masks(inner, (*at, str(index)))
    elif has_mask(value):
        yield at


def uncertain(
    rules: Iterable[PolicyRule], said: Evaluation, masked: Iterable[Path]
) -> tuple[str, ...]:
    """The masked places that a rule looked at on the way to this verdict, as JSON Pointers.

    None: every value that mattered was there, and the verdict is what it would have been.
    """
    hidden = set(masked)
    if not hidden:
        return ()
    asked = zip(rules, said.trace, strict=False)
    looked = {
        path
        for rule, line in asked
        if line.outcome in _REACHED
        for path in paths_in(f"{rule.when} {rule.reviewers_from}")
    }
    found = {place for place in hidden if any(_meets(place, path) for path in looked)}
    return tuple(sorted(pointer(place) for place in found))


def _meets(place: Path, path: Path) -> bool:
    """Whether one lies inside the other."""
    shorter = min(len(place), len(path))
    return place[:shorter] == path[:shorter]
