"""What a connection may take of a service: time-outs, tries, pace, and when to stop trying. Pure.

Only what differs from the defaults is kept; a page shows both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.lib.tongue import gettext_noop


@dataclass(frozen=True)
class Limit:
    """A number that people may change, within bounds. `default` None: the door's own choice."""

    name: str
    label: str
    unit: str
    default: float | None
    least: float
    most: float
    is_whole: bool = False


# No call of an action takes longer than 30 s: a worker holds it for a minute.
LIMITS: dict[str, Limit] = {
    limit.name: limit
    for limit in (
        Limit("connect_s", gettext_noop("Time to connect"), gettext_noop("seconds"), 10, 0.1, 30),
        Limit(
            "total_s", gettext_noop("Time for the whole call"), gettext_noop("seconds"), 30, 0.5, 30
        ),
        Limit(
            "attempts",
            gettext_noop("Tries where repeating is allowed"),
            gettext_noop("tries"),
            4,
            1,
            10,
            is_whole=True,
        ),
        Limit(
            "rate_per_s", gettext_noop("Pace"), gettext_noop("requests a second"), None, 0.001, 1000
        ),
        Limit(
            "burst",
            gettext_noop("At once"),
            gettext_noop("requests"),
            None,
            1,
            10_000,
            is_whole=True,
        ),
        Limit(
            "failures",
            gettext_noop("Failures in a row that open the breaker"),
            gettext_noop("failures"),
            5,
            1,
            100,
            is_whole=True,
        ),
        Limit(
            "open_s",
            gettext_noop("Time the breaker stays open"),
            gettext_noop("seconds"),
            60,
            1,
            3600,
        ),
    )
}


def faults(limits: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with these limits: name and sentence."""
    found = []
    for name, value in limits.items():
        limit = LIMITS.get(name)
        if limit is None:
            found.append((name, f"There is no such limit: {', '.join(LIMITS)}."))
        elif fault := _fault(limit, value):
            found.append((name, fault))
    return found


def _fault(limit: Limit, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{limit.label}: a number of {limit.unit} is needed."
    if limit.is_whole and value != int(value):
        return f"{limit.label}: a whole number of {limit.unit} is needed."
    if not limit.least <= value <= limit.most:
        return f"{limit.label}: from {limit.least:g} to {limit.most:g} {limit.unit}."
    return ""
