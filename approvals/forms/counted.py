"""The lists behind the dashboard's numbers: the actions that a figure counted."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval

REFUSED = ("invalid", "denied")
# Those that no rule let come to anybody.
NEVER = "never"
ANY = "any"
VOTES = ("approve", "reject")
# What people pick as a reason, as it is stored; anything else is their own words.
PICKED = ("Wrong amount", "Wrong target", "Not needed", "Suspicious text")
OWN_WORDS = "Other"


def counted_as(actions: Any, chosen: dict[str, Any]) -> Any:
    """Those asked or settled since a moment, by what policy or people said to them."""
    if chosen["since"]:
        actions = actions.filter(created_at__gte=chosen["since"])
    if chosen["settled_since"]:
        actions = actions.filter(settled_at__gte=chosen["settled_since"])
    if chosen["ran"] == NEVER:
        actions = actions.filter(status__in=REFUSED)
    elif chosen["ran"]:
        actions = actions.filter(requirement__isnull=True).exclude(status__in=REFUSED)
    if chosen["voted"]:
        wanted = VOTES if chosen["voted"] == ANY else (chosen["voted"],)
        cast = Approval.objects.filter(action=OuterRef("pk"), decision__in=wanted)
        actions = actions.filter(Exists(cast))
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
