"""How states and risks look: icon, word and tone, so that colour never speaks alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """The class of the badge (`ok bad wait warn off`), its icon and its word."""

    tone: str
    icon: str
    word: str


_LOOKS = {
    "proposed": Look("wait", "circle-dashed", "Proposed"),
    "invalid": Look("bad", "alert-circle", "Invalid"),
    "denied": Look("bad", "hand-stop", "Denied"),
    "pending": Look("wait", "circle-dashed", "Pending"),
    "approved": Look("ok", "circle-check", "Approved"),
    "rejected": Look("off", "ban", "Rejected"),
    "expired": Look("off", "clock-x", "Expired"),
    "canceled": Look("off", "circle-minus", "Canceled"),
    "executing": Look("wait", "loader-2", "Executing"),
    "succeeded": Look("ok", "circle-check", "Succeeded"),
    "failed": Look("bad", "circle-x", "Failed"),
    "unknown": Look("warn", "help-circle", "Unknown"),
    "claimed": Look("wait", "loader-2", "Claimed"),
    "sent": Look("wait", "send", "Sent"),
    "released": Look("off", "circle-minus", "Released"),
    "queued": Look("wait", "circle-dashed", "Queued"),
    "running": Look("wait", "loader-2", "Running"),
    "tool_required": Look("wait", "tool", "Working on a tool"),
    "waiting_approval": Look("wait", "hourglass", "Waiting for a person"),
    "completed": Look("ok", "circle-check", "Completed"),
    "received": Look("wait", "circle-dashed", "Received"),
    "processing": Look("wait", "loader-2", "Processing"),
    "processed": Look("ok", "circle-check", "Processed"),
    "ignored": Look("off", "circle-minus", "Ignored"),
    "dead": Look("bad", "skull", "Dead"),
    "quarantined": Look("warn", "lock", "Quarantined"),
    "due": Look("wait", "circle-dashed", "Due"),
    "sending": Look("wait", "loader-2", "Sending"),
    "delivered": Look("ok", "circle-check", "Delivered"),
    "withdrawn": Look("off", "circle-minus", "Withdrawn"),
    "enabled": Look("ok", "circle-check", "On"),
    "disabled": Look("off", "circle-minus", "Off"),
    "archived": Look("off", "circle-minus", "Archived"),
    "reserved": Look("wait", "hourglass", "Reserved"),
    "settled": Look("ok", "circle-check", "Used"),
    "warning": Look("warn", "alert-triangle", "Warned"),
    "reached": Look("bad", "alert-circle", "Limit reached"),
    "allow": Look("ok", "bolt", "Allow"),
    "deny": Look("bad", "hand-stop", "Deny"),
    "require_approval": Look("wait", "user-check", "Needs approval"),
    "in_force": Look("ok", "circle-check", "In force"),
    "planned": Look("wait", "circle-dashed", "Planned"),
    "ended": Look("off", "circle-minus", "Ended"),
    "ended_early": Look("off", "ban", "Ended early"),
    "revoked": Look("off", "ban", "Revoked"),
    "used up": Look("off", "circle-minus", "Used up"),
    "approve": Look("ok", "circle-check", "Approved"),
    "break_glass": Look("warn", "alert-triangle", "Decided alone"),
    "justified": Look("ok", "circle-check", "Justified"),
    "unjustified": Look("bad", "circle-x", "Not justified"),
    "reject": Look("off", "ban", "Rejected"),
    "ready": Look("ok", "circle-check", "Ready"),
    "not_connected": Look("wait", "link-off", "Not connected"),
    "reconnect": Look("bad", "link-off", "Reconnect"),
    "no_token": Look("bad", "link-off", "Gets no token"),
    "out_of_date": Look("bad", "clock-x", "Expired"),
    "ends_soon": Look("warn", "clock-exclamation", "Expires soon"),
    "rotation_due": Look("warn", "rotate-clockwise", "Rotation due"),
    "trouble": Look("warn", "alert-triangle", "Trouble"),
    "closed": Look("ok", "circle-check", "Calls pass"),
    "open": Look("bad", "circle-x", "Broken off"),
    "half_open": Look("warn", "circle-dashed", "Trying one"),
    "up_to_date": Look("ok", "circle-check", "Up to date"),
    "behind": Look("wait", "clock-exclamation", "Behind"),
    "not_taken": Look("bad", "alert-triangle", "Not taken"),
    "no_longer_sent": Look("off", "circle-minus", "No longer sent"),
}
RISKS = ("low", "medium", "high", "critical")
REFUSALS = {
    "stale_timestamp": Look("warn", "clock-x", "Stale stamp"),
    "future_timestamp": Look("warn", "clock-x", "Stamp from the future"),
    "malformed_timestamp": Look("warn", "clock-x", "Unreadable stamp"),
    "key_not_fetched_yet": Look("wait", "hourglass", "Key not fetched yet"),
    "too_fast": Look("warn", "hourglass", "Too fast"),
    "overloaded": Look("warn", "hourglass", "Intake full"),
    "storage_failed": Look("warn", "alert-triangle", "Not committed"),
    "no_live_secret": Look("bad", "link-off", "No secret counts"),
    "address_not_allowed": Look("bad", "ban", "Address not allowed"),
    "disabled": Look("off", "circle-minus", "Source is off"),
}


def state_look(status: str) -> Look:
    """The badge of a status; one that is not listed still shows its word."""
    return _LOOKS.get(status) or Look("off", "circle", plain(status))


def refusal_look(reason: str) -> Look:
    """The badge of a reason for which a webhook was refused."""
    return REFUSALS.get(reason) or Look("bad", "square-rounded-x", plain(reason))


def plain(name: str) -> str:
    """A code as words: `call_id_conflict` becomes `Call id conflict`."""
    return name.replace("_", " ").capitalize()


def bars(risk: str) -> tuple[bool, ...]:
    """Which of the four bars of a risk chip are lit."""
    lit = RISKS.index(risk) + 1 if risk in RISKS else 0
    return tuple(at < lit for at in range(len(RISKS)))
