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
    """One earlier call with the same tool and arguments.

    `repeats` is the id of the refused action that it was a mere repetition of; `outcome` stands for
    what it brought and is None while it is open.
    """

    id: str
    status: str
    code: str = ""
    reason: str = ""
    repeats: str = ""
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
    """What is said of one call more; None where the run may go on. A limit of 0 means none.

    The call that passes the limit waits for a person, and its run with it. While it waits, further
    ones are refused, so that one loop is one card.
    """
    if not limit:
        return None
    card = next((call for call in calls if call.code == LOOP and call.status == "pending"), None)
    if card is not None:
        detail = f"The same call waits for a person as {card.id}, because the run turns in circles."
        return Finding("loop", LOOP, detail, Ruling.DENY)
    made = without_progress(calls)
    if made < limit:
        return None
    detail = (
        f"The run made the same call {made} times without anything new coming of it: "
        "let it go on only if one time more helps, else reject, or cancel the run."
    )
    return Finding("loop", LOOP, detail, Ruling.REQUIRE_APPROVAL)


def limit_of(caps: object) -> int:
    """The agent's cap `max_equal_calls`; what is no whole number leaves the default of five."""
    found = caps.get("max_equal_calls") if isinstance(caps, dict) else None
    is_number = isinstance(found, int) and not isinstance(found, bool) and found >= 0
    return found if is_number else DEFAULT_EQUAL_CALLS  # type: ignore[return-value]
