"""How the reviewers of an environment decide, in figures."""

from datetime import timedelta

from django.utils import timezone

from approvals.models import Approval
from approvals.signals import Cast, Signals, signals
from gateway.tenants.models import Environment, User


def reviewer_signals(environment: Environment, *, days: int) -> list[tuple[User, Signals]]:
    """Everybody who voted in the last days, with their figures; two queries."""
    votes = Approval.objects.filter(
        action__environment=environment, created_at__gte=timezone.now() - timedelta(days=days)
    )
    lines = votes.values_list("user", "decision", "created_at", "opened_at")
    found = signals(
        Cast(
            user_id=str(user),
            approves=decision != Approval.Decision.REJECT,
            dwell_s=(at - opened_at).total_seconds() if opened_at else None,
        )
        for user, decision, at, opened_at in lines.iterator()
    )
    people = {str(user.pk): user for user in User.objects.filter(pk__in=[s.user_id for s in found])}
    return [(people[line.user_id], line) for line in found]
