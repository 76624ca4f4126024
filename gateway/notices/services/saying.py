"""What may be told of an action outside the desk: nothing masked, and nothing the agent claims."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from approvals.models import Action, Approval
from approvals.services import asked, effect_sentence, shown_affected, shown_target
from approvals.states import ActionStatus
from gateway.lib.visible import confusable_in, hidden_in
from gateway.notices.media import DESK_ONLY, risk_of
from gateway.notices.wording import MAX_AFFECTED, Matter, inert, is_plain, line

DEADLINE = "j M Y, H:i T"
OUTCOMES = {
    ActionStatus.APPROVED: "Approved",
    ActionStatus.EXECUTING: "Approved",
    ActionStatus.SUCCEEDED: "Approved and carried out",
    ActionStatus.FAILED: "Approved, then failed",
    ActionStatus.UNKNOWN: "Approved; nobody knows yet whether it happened",
    ActionStatus.REJECTED: "Rejected",
    ActionStatus.EXPIRED: "Expired: nobody decided in time",
    ActionStatus.CANCELED: "Canceled",
    ActionStatus.DENIED: "Denied by a rule",
    ActionStatus.INVALID: "No longer valid",
}


def matter_of(action: Action, zone: ZoneInfo | None = None) -> Matter:
    """What a notice about the action says, with its deadline in this zone (the tenant's)."""
    place = action.environment
    zone = zone or ZoneInfo(place.tenant.time_zone)
    affected = _affected(action)
    return Matter(
        effect=inert(effect_of(action)),
        risk=risk_of(action.risk),
        tool=line(action.tool_name),
        agent=line(action.agent.slug),
        place=line(f"{place.tenant.name}, {place.name}"),
        url=url_of(action),
        affected=affected,
        more=max(0, len(action.affected or action.target) - len(affected)),
        deadline=_until(action, zone),
        asked=line(asked(action)),
    )


def _until(action: Action, zone: ZoneInfo) -> str:
    return (
        date_format(timezone.localtime(action.decide_by, zone), DEADLINE)
        if action.decide_by
        else ""
    )


def effect_of(action: Action) -> str:
    """The effect sentence with secrets and sensitive arguments masked, as the payload has them."""
    version = action.tool_version
    if version is None or not version.effect:
        return f"Call {action.tool_name}"
    return effect_sentence(version, action.arguments_value)


def url_of(action: Action) -> str:
    """The action's page, by the address that people know."""
    place = action.environment
    path = reverse("approvals:detail", args=(place.tenant.slug, place.slug, action.public_id))
    return f"{settings.PUBLIC_URL}{path}"


def desk_only(action: Action) -> str:
    """Why a chat may not decide this action, in words; empty where it may."""
    if risk_of(action.risk) in DESK_ONLY:
        return "Actions of high and critical risk are decided on the desk."
    if (action.requirement or {}).get("step_up"):
        return "This action asks for a fresh sign-in, which only the desk can take."
    values = [action.arguments_value, action.affected, effect_of(action)]
    if hidden_in(values) or confusable_in(values):
        return "This action holds characters that mislead the eye: look at it on the desk."
    if not is_plain(effect_of(action)):
        return "What this action does is too long for a chat: read it on the desk."
    return ""


def outcome_of(action: Action, version: int) -> str:
    """What became of the action, or of this version of it, in one line for a chat."""
    if action.version != version:
        return "Changed since: a new version replaced it"
    if action.status == ActionStatus.PENDING:
        return "Waits on the desk"
    word = OUTCOMES.get(ActionStatus(action.status), action.get_status_display())
    people = _deciders(action)
    return f"{word} by {people}" if people else word


def _deciders(action: Action) -> str:
    wanted = {
        ActionStatus.REJECTED: Approval.Decision.REJECT,
        ActionStatus.APPROVED: Approval.Decision.APPROVE,
    }.get(ActionStatus(action.status))
    if wanted is None:
        return ""
    votes = action.approvals.filter(action_version=action.version, void_at=None, decision=wanted)
    return ", ".join(line(str(vote.user)) for vote in votes.select_related("user").order_by("id"))


def _affected(action: Action) -> tuple[str, ...]:
    """Who is affected, by name; where the tool has masked arguments nobody is named."""
    version = action.tool_version
    if version is None or version.sensitive:
        return ()
    found = [
        f"{row.get('label') or row.get('id')} ({row.get('kind')})" for row in shown_affected(action)
    ] or shown_target(action)
    return tuple(line(str(text)) for text in found[:MAX_AFFECTED])
