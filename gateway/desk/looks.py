"""How states and risks look: icon, word and tone, so that colour never speaks alone."""

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from gateway.lib.words import Words


@dataclass(frozen=True)
class Look:
    """The class of the badge (`ok bad wait warn off`), its icon and its word."""

    tone: str
    icon: str
    word: Words


_LOOKS = {
    "proposed": Look("wait", "circle-dashed", _("Proposed")),
    "invalid": Look("bad", "alert-circle", _("Invalid")),
    "denied": Look("bad", "hand-stop", _("Denied")),
    "pending": Look("wait", "circle-dashed", _("Pending")),
    "approved": Look("ok", "circle-check", _("Approved")),
    "rejected": Look("off", "ban", _("Rejected")),
    "expired": Look("off", "clock-x", _("Expired")),
    "canceled": Look("off", "circle-minus", _("Canceled")),
    "executing": Look("wait", "loader-2", _("Executing")),
    "succeeded": Look("ok", "circle-check", _("Succeeded")),
    "failed": Look("bad", "circle-x", _("Failed")),
    "unknown": Look("warn", "help-circle", _("Unknown")),
    "claimed": Look("wait", "loader-2", _("Claimed")),
    "sent": Look("wait", "send", _("Sent")),
    "released": Look("off", "circle-minus", _("Released")),
    "queued": Look("wait", "circle-dashed", _("Queued")),
    "running": Look("wait", "loader-2", _("Running")),
    "tool_required": Look("wait", "tool", _("Working on a tool")),
    "waiting_approval": Look("wait", "hourglass", _("Waiting for a person")),
    "completed": Look("ok", "circle-check", _("Completed")),
    "received": Look("wait", "circle-dashed", _("Received")),
    "processing": Look("wait", "loader-2", _("Processing")),
    "processed": Look("ok", "circle-check", _("Processed")),
    "ignored": Look("off", "circle-minus", _("Ignored")),
    "dead": Look("bad", "skull", _("Dead")),
    "quarantined": Look("warn", "lock", _("Quarantined")),
    "due": Look("wait", "circle-dashed", _("Due")),
    "sending": Look("wait", "loader-2", _("Sending")),
    "delivered": Look("ok", "circle-check", _("Delivered")),
    "withdrawn": Look("off", "circle-minus", _("Withdrawn")),
    "enabled": Look("ok", "circle-check", _("On")),
    "disabled": Look("off", "circle-minus", _("Off")),
    "archived": Look("off", "circle-minus", _("Archived")),
    "reserved": Look("wait", "hourglass", _("Reserved")),
    "settled": Look("ok", "circle-check", _("Used")),
    "warning": Look("warn", "alert-triangle", _("Warned")),
    "reached": Look("bad", "alert-circle", _("Limit reached")),
    "allow": Look("ok", "bolt", _("Allow")),
    "deny": Look("bad", "hand-stop", _("Deny")),
    "require_approval": Look("wait", "user-check", _("Needs approval")),
    "in_force": Look("ok", "circle-check", _("In force")),
    "planned": Look("wait", "circle-dashed", _("Planned")),
    "ended": Look("off", "circle-minus", _("Ended")),
    "ended_early": Look("off", "ban", _("Ended early")),
    "revoked": Look("off", "ban", _("Revoked")),
    "used up": Look("off", "circle-minus", _("Used up")),
    "approve": Look("ok", "circle-check", _("Approved")),
    "break_glass": Look("warn", "alert-triangle", _("Decided alone")),
    "justified": Look("ok", "circle-check", _("Justified")),
    "unjustified": Look("bad", "circle-x", _("Not justified")),
    "reject": Look("off", "ban", _("Rejected")),
    "ready": Look("ok", "circle-check", _("Ready")),
    "not_connected": Look("wait", "link-off", _("Not connected")),
    "reconnect": Look("bad", "link-off", _("Reconnect")),
    "no_token": Look("bad", "link-off", _("Gets no token")),
    "out_of_date": Look("bad", "clock-x", _("Expired")),
    "ends_soon": Look("warn", "clock-exclamation", _("Expires soon")),
    "rotation_due": Look("warn", "rotate-clockwise", _("Rotation due")),
    "trouble": Look("warn", "alert-triangle", _("Trouble")),
    "closed": Look("ok", "circle-check", _("Calls pass")),
    "open": Look("bad", "circle-x", _("Broken off")),
    "half_open": Look("warn", "circle-dashed", _("Trying one")),
    "up_to_date": Look("ok", "circle-check", _("Up to date")),
    "behind": Look("wait", "clock-exclamation", _("Behind")),
    "not_taken": Look("bad", "alert-triangle", _("Not taken")),
    "no_longer_sent": Look("off", "circle-minus", _("No longer sent")),
}
# Codes whose words are their own: marked here, found by `plain`.
CODES = (
    gettext_noop("Unknown source"), gettext_noop("Missing header"), gettext_noop("Repeated header"),
    gettext_noop("Malformed signature"), gettext_noop("Too many signatures"),
    gettext_noop("Wrong signature"), gettext_noop("Malformed id"), gettext_noop("Malformed body"),
    gettext_noop("Not supported"), gettext_noop("Too large"), gettext_noop("Too many headers"),
    gettext_noop("Media type"), gettext_noop("Require approval"), gettext_noop("Asked"),
    gettext_noop("Reminded"), gettext_noop("Escalated"), gettext_noop("Decided"),
)  # fmt: skip
RISKS = ("low", "medium", "high", "critical")
REFUSALS = {
    "stale_timestamp": Look("warn", "clock-x", _("Stale stamp")),
    "future_timestamp": Look("warn", "clock-x", _("Stamp from the future")),
    "malformed_timestamp": Look("warn", "clock-x", _("Unreadable stamp")),
    "key_not_fetched_yet": Look("wait", "hourglass", _("Key not fetched yet")),
    "too_fast": Look("warn", "hourglass", _("Too fast")),
    "overloaded": Look("warn", "hourglass", _("Intake full")),
    "storage_failed": Look("warn", "alert-triangle", _("Not committed")),
    "no_live_secret": Look("bad", "link-off", _("No secret counts")),
    "address_not_allowed": Look("bad", "ban", _("Address not allowed")),
    "disabled": Look("off", "circle-minus", _("Source is off")),
}


def state_look(status: str) -> Look:
    """The badge of a status; one that is not listed still shows its word."""
    return _LOOKS.get(status) or Look("off", "circle", plain(status))


def refusal_look(reason: str) -> Look:
    """The badge of a reason for which a webhook was refused."""
    return REFUSALS.get(reason) or Look("bad", "square-rounded-x", plain(reason))


def plain(name: str) -> str:
    """A code as words: `call_id_conflict` becomes `Call id conflict`; translated where known."""
    return gettext(name.replace("_", " ").capitalize())


def bars(risk: str) -> tuple[bool, ...]:
    """Which of the four bars of a risk chip are lit."""
    lit = RISKS.index(risk) + 1 if risk in RISKS else 0
    return tuple(at < lit for at in range(len(RISKS)))
