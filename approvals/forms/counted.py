"""The lists behind the dashboard's numbers: the actions that a figure counted."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval

REFUSED = ("invalid", "denied")
# What people pick as a reason; anything else is their own words.
PICKED = ("Wrong amount", "Wrong target", "Not needed", "Suspicious text")
OWN_WORDS = "Other"


def counted_as(actions: Any, chosen: dict[str, Any]) -> Any:
    """Those asked or settled since a moment, run without a person, or rejected for a reason."""
    if chosen["since"]:
        actions = actions.filter(created_at__gte=chosen["since"])
    if chosen["settled_since"]:
        actions = actions.filter(settled_at__gte=chosen["settled_since"])
    if chosen["ran"]:
        actions = actions.filter(requirement__isnull=True).exclude(status__in=REFUSED)
    if chosen["rejected_for"]:
        votes = Approval.objects.filter(action=OuterRef("pk"), decision="reject")
        votes = votes.filter(_for(chosen["rejected_for"]))
        if chosen["voted_since"]:
            votes = votes.filter(created_at__gte=chosen["voted_since"])
        actions = actions.filter(Exists(votes))
    return actions


def _for(reason: str) -> Q:
    if reason != OWN_WORDS:
        return Q(comment__startswith=reason)
    picked = Q()
    for one in PICKED:
        picked |= Q(comment__startswith=one)
    return ~picked
