"""Alerts: once when a budget's fraction is reached, once at its limit, for every window."""

import math
import uuid
from collections.abc import Iterable
from fractions import Fraction

from django.db.models.functions import Now
from django.utils import timezone

from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.budgets.models import Budget, BudgetAlert, Counter
from gateway.budgets.services.standings import Standing
from gateway.lib.broker import JobName, ring_again
from gateway.lib.states import announce

CHUNK = 200
RECORDED_AS = {
    BudgetAlert.Level.WARNING: AuditAction.BUDGET_ALERTED,
    BudgetAlert.Level.REACHED: AuditAction.BUDGET_REACHED,
}


def threshold(budget: Budget) -> int:
    """The amount from which a budget warns."""
    return math.ceil(budget.limit * Fraction(str(budget.alert_at)))


def watch(standings: Iterable[Standing]) -> None:
    """Raise what is due after the counters of these standings changed."""
    budgets = _alarming(standings)
    rows = Counter.objects.filter(pk__in=list(budgets), capped_at=None) if budgets else ()
    for row in rows:
        budget = budgets[row.pk]
        if row.taken >= budget.limit:
            _reached(row, budget)
        elif row.taken >= threshold(budget) and row.alerted_at is None:
            _raise(row, budget, BudgetAlert.Level.WARNING)


def refused(standings: Iterable[Standing]) -> None:
    """Raise for what was refused because it found no room, though some may be left."""
    budgets = _alarming(standings)
    for row in Counter.objects.filter(pk__in=list(budgets), capped_at=None) if budgets else ():
        _reached(row, budgets[row.pk])


def _alarming(standings: Iterable[Standing]) -> dict[uuid.UUID, Budget]:
    """The budgets by their counters; a limit of speed renews too fast to be worth an alarm."""
    return {
        standing.counter: standing.budget
        for standing in standings
        if standing.counter and not standing.budget.is_rate and not standing.error
    }


def _reached(row: Counter, budget: Budget) -> None:
    if Counter.objects.filter(pk=row.pk, capped_at=None).update(
        capped_at=Now(), alerted_at=row.alerted_at or Now()
    ):
        _file(row, budget, BudgetAlert.Level.REACHED)


def _raise(row: Counter, budget: Budget, level: BudgetAlert.Level) -> None:
    if Counter.objects.filter(pk=row.pk, alerted_at=None).update(alerted_at=Now()):
        _file(row, budget, level)


def _file(row: Counter, budget: Budget, level: BudgetAlert.Level) -> None:
    alert = BudgetAlert.objects.create(
        environment=budget.environment, counter=row, level=level, used=row.used,
        reserved=row.reserved, limit=budget.limit, announce_due_at=timezone.now(),
        correlation_id=context.correlation_id(),
    )  # fmt: skip
    # The subject may be a person's name at the customer: the counter's id stands for it.
    audit.record(
        RECORDED_AS[level],
        target=Target("budget", budget.public_id),
        scope=budget.environment.audit_scope,
        meta={
            "counter": row.public_id,
            "window": row.window,
            "limit": budget.limit,
            "used": row.used,
            "reserved": row.reserved,
        },
    )
    announce(alert)


def sweep() -> int:
    """Ring again for alerts that nobody has heard of; how many there were."""
    unheard = BudgetAlert.objects.filter(announce_due_at__lte=Now())
    found = list(unheard.values_list("pk", flat=True)[:CHUNK])
    for pk in found:
        ring_again(JobName.ANNOUNCE, BudgetAlert.announces, str(pk))
    return len(found)
