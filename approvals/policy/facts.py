"""The frozen document a rule can see: plain JSON, handed in by the caller, stored with the action.

Pure: the moment is an argument, so that simulation and re-evaluation see the facts they name.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from audit.canonical import JSON

Document = Mapping[str, JSON]


def build(
    *,
    args: Document,
    tool: Document,
    agent: Document,
    env: Document,
    now: dt.datetime,
    time_zone: str,
    run: Document | None = None,
    event: Document | None = None,
    budget: Document | None = None,
    history: Document | None = None,
    affected: Iterable[Document] = (),
    sensitive: Document | None = None,
) -> dict[str, JSON]:
    """The facts of one action; what there is none of is an empty object, so has() works.

    `now` must be aware; `time_zone` is the tenant's IANA name. Raises TypeError for a value that
    is not JSON, ValueError for a naive time, zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """
    return {
        "args": _copy(args),
        "tool": _copy(tool),
        "agent": _copy(agent),
        "run": _copy(run or {}),
        "env": _copy(env),
        "time": _time(now, time_zone),
        "event": _copy(event or {}),
        "budget": _copy(budget or {}),
        "history": _copy(history or {}),
        "affected": [_copy(entry) for entry in affected],
        "sensitive": _copy(sensitive or {}),
    }


def _time(now: dt.datetime, time_zone: str) -> dict[str, JSON]:
    """The moment as the tenant's clocks show it; weekdays count from 1 (Monday) to 7 (Sunday)."""
    if now.tzinfo is None:
        raise ValueError("the time of the facts must carry its zone")
    local = now.astimezone(ZoneInfo(time_zone))
    return {
        "now": now.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "zone": time_zone,
        "date": local.date().isoformat(),
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "hour": local.hour,
        "minute": local.minute,
        "weekday": local.isoweekday(),
        "is_weekend": local.isoweekday() > 5,
    }


def _copy(value: JSON) -> JSON:
    """A deep copy, so that nothing the caller does later changes what was judged."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {_name(key): _copy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{key!r} is no JSON key")
    return key
