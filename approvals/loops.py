"""Whether a call repeats what was refused, or turns in circles: judged from equal calls (pure).

Equal calls have the same tool and the same bytes of arguments. Newest first everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.findings import Finding, Ruling

DEFAULT_EQUAL_CALLS = 5
LOOP = "loop_detected"
# What a person, or the time that people were given, said no to. What policy denies it denies again
# by itself, and allows again once its rules, or the hour, have changed.
_REFUSED = frozenset({"rejected", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualCall:
    """One earlier call; `outcome` stands for what it brought, and is None while it is open."""

    id: str
    status: str
    code: str = ""
    reason: str = ""
    approved_at: datetime | None = None
    settled_at: datetime | None = None
    outcome: str | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether somebody, or nobody in time, refused it; late execution is no refusal."""
        return self.status in _REFUSED and self.approved_at is None


def refusal(calls: Sequence[EqualCall]) -> EqualCall | None:
    """The refusal that still holds: the newest one, unless an equal call was approved since."""
    for call in calls:
        if call.is_refusal and not _approved_since(calls, call.settled_at):
            return call
    return None


def _approved_since(calls: Iterable[EqualCall], moment: datetime | None) -> bool:
    return any(c.approved_at and (moment is None or c.approved_at > moment) for c in calls)


def refused_again(earlier: EqualCall) -> Finding:
    """The refusal of a call that repeats a refused one: its code, its reason, where it stands."""
    detail = (
        f"The same call was {earlier.status} as {earlier.id}, so nobody is asked again: "
        f"{earlier.reason} Change the arguments, or tell whoever gave the task."
    )
    return Finding("loop", earlier.status, detail, Ruling.DENY)


def without_progress(calls: Sequence[EqualCall]) -> int:
    """How many of the latest equal calls brought the same as each other, or nothing yet.

    A call that a person let go on in spite of the loop begins the count anew.
    """
    count, brought = 0, None
    for call in calls:
        if call.code == LOOP and call.approved_at:
            break
        if call.outcome is not None:
            if brought is not None and call.outcome != brought:
                break
            brought = call.outcome
        count += 1
    return count


def loop(calls: Sequence[EqualCall], *, limit: int) -> Finding | None:
    """What is said of one equal call more in a run; None where the run may go on.

    The call that passes the limit waits for a person, and its run with it. While it waits, further
    ones are refused, so that one loop is one card.
    """
    if (card := open_card(calls)) is not None:
        detail = f"The same call waits for a person as {card.id}: the run goes round in circles."
        return Finding("loop", LOOP, detail, Ruling.DENY)
    made = without_progress(calls)
    if made < limit:
        return None
    detail = (
        f"The run made the same call {made} times and nothing new came of it: "
        "approve only if one time more helps; else reject it, or cancel the run."
    )
    return Finding("loop", LOOP, detail, Ruling.REQUIRE_APPROVAL)


def open_card(calls: Iterable[EqualCall]) -> EqualCall | None:
    """The call that waits for a person because of the loop."""
    return next((call for call in calls if call.code == LOOP and call.status == "pending"), None)
