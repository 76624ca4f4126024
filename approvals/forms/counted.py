"""The lists behind the dashboard's numbers: the actions that a figure counted."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval, Execution

REFUSED = ("invalid", "denied")
# Those that no rule let come to anybody.
NEVER = "never"
ANY = "any"
VOTES = ("approve", "reject")
# How calls ended, as the chart of outcomes has them.
ENDINGS = {
    "self": Q(status="succeeded", requirement__isnull=True),
    "approved": Q(status="succeeded", requirement__isnull=False),
    "stopped": Q(status__in=("rejected", "expired", "canceled")),
    "refused": Q(status__in=REFUSED),
    "failed": Q(status="failed"),
}
# What people pick as a reason, as it is stored; anything else is their own words.
PICKED = ("Wrong amount", "Wrong target", "Not needed", "Suspicious text")
OWN_WORDS = "Other"


def counted_as(actions: Any, chosen: dict[str, Any]) -> Any:
    """Those asked or settled since a moment, by what policy or people said to them."""
    if chosen["since"]:
        actions = actions.filter(created_at__gte=chosen["since"])
    if chosen["settled_since"]:
        actions = actions.filter(settled_at__gte=chosen["settled_since"])
    if chosen["settled_before"]:
        actions = actions.filter(settled_at__lt=chosen["settled_before"])
    if chosen["ended"]:
        actions = actions.filter(ENDINGS[chosen["ended"]])
    if chosen["carried_since"] or chosen["carried_before"]:
        actions = actions.filter(Exists(_carried(chosen)))
    if chosen["ran"] == NEVER:
        actions = actions.filter(status__in=REFUSED)
    elif chosen["ran"]:
        actions = actions.filter(requirement__isnull=True).exclude(status__in=REFUSED)
    if chosen["voted"]:
        wanted = VOTES if chosen["voted"] == ANY else (chosen["voted"],)
        cast = Approval.objects.filter(action=OuterRef("pk"), decision__in=wanted)
        actions = actions.filter(Exists(cast))
    if chosen["rejected_for"] or chosen["voted_since"]:
        actions = actions.filter(Exists(_votes(chosen)))
    return actions


def _votes(chosen: dict[str, Any]) -> Any:
    """Votes of whatever kind since a moment, or the rejections that had one reason."""
    votes = Approval.objects.filter(action=OuterRef("pk"))
    if chosen["rejected_for"]:
        votes = votes.filter(_for(chosen["rejected_for"]), decision="reject")
    if chosen["voted_since"]:
        votes = votes.filter(created_at__gte=chosen["voted_since"])
    return votes


def _carried(chosen: dict[str, Any]) -> Any:
    """Attempts of the span that were sent and came to an end."""
    tried = Execution.objects.filter(
        action=OuterRef("pk"), sent_at__isnull=False, finished_at__isnull=False
    )
    if chosen["carried_since"]:
        tried = tried.filter(created_at__gte=chosen["carried_since"])
    if chosen["carried_before"]:
        tried = tried.filter(created_at__lt=chosen["carried_before"])
    return tried


def _for(reason: str) -> Q:
    if reason != OWN_WORDS:
        return Q(comment__startswith=reason)
    picked = Q()
    for one in PICKED:
        picked |= Q(comment__startswith=one)
    return ~picked
