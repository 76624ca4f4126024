"""What must be read first: hidden characters, a kill switch, nobody who executes or decides."""

from dataclasses import dataclass
from datetime import datetime

from approvals import services
from approvals.models import Action, KillSwitch
from approvals.states import ActionStatus
from gateway.lib import heartbeat
from gateway.lib.visible import Span

SHOWN_MARKS = 12
HELD = {
    "target_drifted": "The target moved since this was decided",
    "state_unreadable": "The target's present state could not be read",
}
NEEDS_WORKER = (ActionStatus.PENDING, ActionStatus.APPROVED, ActionStatus.EXECUTING)


@dataclass(frozen=True)
class Note:
    """A note above the card; `items` lists what it is about."""

    tone: str
    icon: str
    title: str
    text: str
    items: tuple[Span, ...] = ()


def notes_of(action: Action, *, marks: tuple[Span, ...], now: datetime) -> list[Note]:
    """The warnings that hold for this action now."""
    found = []
    if action.pruned_at is not None:
        text = (
            f"What was asked for was removed on {action.pruned_at:%Y-%m-%d}, after its retention "
            "time or for a person's sake. Who decided, when, and its digest stay."
        )
        found.append(Note("", "eye-off", "The content is gone", text))
    if marks:
        found.append(_hidden(marks))
    if action.status == ActionStatus.PENDING and (missing := services.shortfall(action)):
        text = (
            f"{missing} Whoever asked for it or answers for its agent does not count. "
            "Give somebody the role or group, or cancel the action."
        )
        found.append(Note("bad", "users", "Nobody can decide this", text))
    if action.status in NEEDS_WORKER:
        found += [_stopped(switch) for switch in services.stopping(action)]
    if action.status == ActionStatus.APPROVED and (holder := services.holder_of(action)):
        text = f"{holder.public_id} is touching the same target. This one runs once that is done."
        found.append(Note("", "hourglass", "Waits for its target", text))
    if action.code in HELD and action.status in (ActionStatus.PENDING, ActionStatus.APPROVED):
        found.append(Note("warn", "git-merge", HELD[action.code], action.reason))
    if action.status in NEEDS_WORKER and not heartbeat.alive("worker"):
        text = "No worker has reported lately. You can decide; it runs once a worker is back."
        found.append(Note("warn", "alert-triangle", "Nobody is executing", text))
    return found


def _stopped(switch: KillSwitch) -> Note:
    text = (
        f"{switch.turned_on_by} stopped {switch.what}: {switch.reason} "
        "Deciding is possible; it does not run before the switch is off, and may expire until then."
    )
    return Note("bad", "hand-stop", "Stopped by a kill switch", text)


def _hidden(marks: tuple[Span, ...]) -> Note:
    count = len(marks)
    title = f"This payload hides {count} thing{'s' if count != 1 else ''} from the eye"
    text = "They are shown below as marks and would be sent as they are."
    kinds = tuple({span.label: span for span in marks}.values())
    return Note("bad", "eye-off", title, text, kinds[:SHOWN_MARKS])
