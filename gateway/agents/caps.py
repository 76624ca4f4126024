"""Caps: what a run, and an agent in general, may use at most (pure)."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.lib.errors import Refused
from gateway.lib.tongue import gettext_noop

# The least value of each, and its words for people.
CAPS = {
    "max_steps": (1, gettext_noop("steps in a run")),
    "max_tool_calls": (0, gettext_noop("tool calls in a run")),
    "timeout_s": (1, gettext_noop("seconds of a run, without waiting for people")),
    "max_equal_calls": (1, gettext_noop("equal calls without progress")),
    "calls_per_minute": (1, gettext_noop("calls in a minute")),
}
AT_MOST = gettext_noop("at most {count} {what}")
# Columns and clocks take it; nobody needs more.
MOST = 1_000_000_000


def check(caps: Mapping[str, Any]) -> None:
    """Raises Refused for an unknown cap, or one that is no whole number in its range."""
    if unknown := sorted(set(caps) - set(CAPS)):
        known = ", ".join(CAPS)
        raise Refused("unknown_cap", f"There is no cap {', '.join(unknown)}; there are {known}.")
    for name, value in caps.items():
        least = CAPS[name][0]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise Refused("cap_invalid", f"{name} is a whole number from {least} to {MOST}.")


def smallest(name: str, *places: Mapping[str, Any]) -> int | None:
    """The smallest cap of this name in these places; None where none has it."""
    found = [value for place in places if isinstance(value := place.get(name), int)]
    return min(found, default=None)


def in_words(caps: Mapping[str, Any], *, say: Callable[[str], str] = str) -> list[str]:
    """Each cap as a sentence; `say` puts words of ours into the reader's language."""
    return [
        say(AT_MOST).format(count=f"{caps[name]:,}", what=say(words))
        for name, (_, words) in CAPS.items()
        if name in caps
    ]
