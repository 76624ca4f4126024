"""What must be read first: hidden characters, a kill switch, nobody who executes or decides."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import Action, KillSwitch
from approvals.states import ActionStatus
from gateway.lib import heartbeat
from gateway.lib.visible import Span

SHOWN_MARKS = 12
HELD = {
    "target_drifted": _("The target moved since this was decided"),
    "state_unreadable": _("The target's present state could not be read"),
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
        text = gettext(
            "What was asked for was removed on {pruned_at:%Y-%m-%d}, after its "
            "retention time or for a person's sake. Who decided, when, and its "
            "digest stay."
        ).format(pruned_at=action.pruned_at)
        found.append(Note("", "eye-off", gettext("The content is gone"), text))
    if marks:
        found.append(_hidden(marks))
    if action.status == ActionStatus.PENDING and (missing := services.shortfall(action)):
        text = gettext(
            "{missing} Whoever asked for it or answers for its agent does not count. "
            "Give somebody the role or group, or cancel the action."
        ).format(missing=missing)
        found.append(Note("bad", "users", gettext("Nobody can decide this"), text))
    if action.status == ActionStatus.PENDING and (why := services.unreadable(action.arguments)):
        text = gettext("{reason} Reject this one; nobody can approve it.").format(reason=why.detail)
        found.append(Note("bad", "hand-stop", gettext("Too large to be approved"), text))
    if action.status in NEEDS_WORKER:
        found += [_stopped(switch) for switch in services.stopping(action)]
    if action.status == ActionStatus.APPROVED and (holder := services.holder_of(action)):
        text = gettext(
            "{public_id} is touching the same target. This one runs once that is done."
        ).format(public_id=holder.public_id)
        found.append(Note("", "hourglass", gettext("Waits for its target"), text))
    if action.code in HELD and action.status in (ActionStatus.PENDING, ActionStatus.APPROVED):
        found.append(Note("warn", "git-merge", str(HELD[action.code]), action.reason))
    if action.status in NEEDS_WORKER and not heartbeat.alive("worker"):
        text = gettext(
            "No worker has reported lately. You can decide; it runs once a worker is back."
        )
        found.append(Note("warn", "alert-triangle", gettext("Nobody is executing"), text))
    return found


def _stopped(switch: KillSwitch) -> Note:
    text = gettext(
        "{turned_on_by} stopped {what}: “{reason}” Deciding is possible; it does "
        "not run before the switch is off, and may expire until then."
    ).format(turned_on_by=switch.stopped_by, what=switch.what, reason=switch.reason)
    return Note("bad", "hand-stop", gettext("Stopped by a kill switch"), text)


def _hidden(marks: tuple[Span, ...]) -> Note:
    count = len(marks)
    title = ngettext(
        "This payload hides {count} thing from the eye",
        "This payload hides {count} things from the eye",
        count,
    ).format(count=count)
    text = gettext("They are shown below as marks and would be sent as they are.")
    kinds = tuple({span.label: span for span in marks}.values())
    return Note("bad", "eye-off", title, text, kinds[:SHOWN_MARKS])
