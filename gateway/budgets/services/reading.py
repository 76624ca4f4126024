"""How budgets stand now, for lists and pages."""

import uuid
from collections.abc import Iterable

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from gateway.budgets.models import CLAIMED, Budget, BudgetAlert, Counter, UsageEntry
from gateway.tenants.models import Environment

PRESENT = Q(ends_at=None) | Q(ends_at__gt=Now())


def present(budget: Budget) -> QuerySet[Counter]:
    """The counters of the windows that are open now, the fullest first."""
    counters = Counter.objects.filter(PRESENT, budget=budget)
    return counters.alias(claimed=CLAIMED).order_by("-claimed", "-id")  # type: ignore[no-any-return]


def with_fullest(budgets: QuerySet[Budget]) -> QuerySet[Budget]:
    """Each with the id of its fullest open counter, and the number of those that are open."""
    mine = Counter.objects.filter(PRESENT, budget=OuterRef("pk"))
    fullest = mine.alias(claimed=CLAIMED).order_by("-claimed", "-id")
    number = mine.order_by().values("budget").annotate(number=Count("pk"))
    return budgets.annotate(
        fullest=Subquery(fullest.values("pk")[:1]),
        open_counters=Coalesce(Subquery(number.values("number")), 0),
    )


def counters_of(budgets: Iterable[Budget]) -> dict[uuid.UUID, Counter]:
    """The fullest counters of budgets that were read by `with_fullest`, by the budget's key."""
    fullest = {budget.pk: getattr(budget, "fullest", None) for budget in budgets}
    rows = Counter.objects.in_bulk([pk for pk in fullest.values() if pk])
    return {budget: rows[pk] for budget, pk in fullest.items() if pk in rows}


def uses(budget: Budget, environment: Environment) -> QuerySet[UsageEntry]:
    """What was taken from a budget in this environment, newest first."""
    entries = UsageEntry.objects.within(environment).filter(counter__budget=budget)
    return entries.select_related("counter").order_by("-id")  # type: ignore[no-any-return]


def alerts(environment: Environment) -> QuerySet[BudgetAlert]:
    """What the budgets of this environment raised, newest first."""
    rows = BudgetAlert.objects.within(environment)
    return rows.select_related("counter__budget").order_by("-id")  # type: ignore[no-any-return]
