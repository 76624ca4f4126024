"""What happened in an environment since midnight, in numbers that lead to what they count."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.utils import timezone

from approvals.forms.counted import REFUSED
from approvals.forms.counted import VOTES as CAST
from approvals.models import Action, Approval
from approvals.states import ActionStatus
from approvals.views.rows import Row, place
from gateway.lib import ids

LAST_ROWS = 5
# An action has at most so many votes as people agree to it: enough for five of them.
LAST_VOTES = 40
LAST_DAYS = timedelta(days=30)
# An id is made a moment before its row's time is taken.
SLACK = timedelta(minutes=1)
# Each figure, and the filter of the list of actions that counts the same.
FILTERS = {
    "decided": {"voted": "any"},
    "approved": {"voted": "approve"},
    "rejected": {"voted": "reject"},
    "allowed": {"ran": "self"},
    "refused": {"ran": "never"},
    "expired": {"status": "expired"},
}
NOT_WAITING = [status for status in ActionStatus if status != ActionStatus.PENDING]
ACTIONS = {
    "allowed": Count("pk", filter=Q(requirement__isnull=True, approved_at__isnull=False)),
    "refused": Count("pk", filter=Q(status__in=REFUSED)),
    "expired": Count("pk", filter=Q(status="expired")),
}
VOTES = {
    "decided": Count("action", filter=Q(decision__in=CAST), distinct=True),
    "approved": Count("action", filter=Q(decision="approve"), distinct=True),
    "rejected": Count("action", filter=Q(decision="reject"), distinct=True),
}


@dataclass(frozen=True)
class Figure:
    """A number, and the list of what it counts."""

    count: int
    url: str


def figures(environment: Any, url: str) -> dict[str, Figure]:
    """Today's figures by name; `url` is the list of actions."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    floor = ids.floor((midnight - SLACK).timestamp())
    today = Action.objects.within(environment).filter(created_at__gte=midnight, pk__gte=floor)
    # Waiting ones are many, and in none of these: by the others' names an index passes them over.
    counts = today.filter(status__in=NOT_WAITING).order_by().aggregate(**ACTIONS)
    # Not joined: what was decided is little beside what was asked.
    votes = Approval.objects.filter(
        pk__gte=floor, action__environment=environment, action__created_at__gte=midnight
    )
    counts |= votes.order_by().aggregate(**VOTES)
    since = midnight.isoformat()
    return {
        name: Figure(counts[name], f"{url}?{urlencode({'since': since, **filters})}")
        for name, filters in FILTERS.items()
    }


def beside(request: Any) -> dict[str, Any]:
    """What stands beside the inbox while no action is chosen."""
    last = Action.objects.as_lines(_last_decided(request.environment))
    return {
        "today": figures(request.environment, _list_url(request)),
        "last": [Row(action) for action in last],
    }


def _list_url(request: Any) -> str:
    return place(request, "approvals:list")


def _last_decided(environment: Any) -> list[Any]:
    """The keys of the actions that were voted on last: from the votes, which are few beside all."""
    since = ids.floor((timezone.now() - LAST_DAYS).timestamp())
    votes = Approval.objects.filter(action__environment=environment, pk__gte=since)
    newest = votes.order_by("-pk").values_list("action_id", flat=True)[:LAST_VOTES]
    return list(dict.fromkeys(newest))[:LAST_ROWS]
