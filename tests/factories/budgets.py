"""Budgets, their counters, what was taken from them, and alerts."""

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit.context import new_correlation_id
from gateway.budgets.models import Budget, BudgetAlert, Counter, UsageEntry
from gateway.budgets.states import UsageStatus
from gateway.lib import ids
from tests.factories.tenants import EnvironmentFactory


class BudgetFactory(DjangoModelFactory):
    """100 calls altogether in the environment."""

    class Meta:
        model = Budget

    environment = factory.SubFactory(EnvironmentFactory)
    name = factory.Sequence(lambda n: f"budget-{n}")
    scope = "environment"
    kind = "calls"
    limit = 100
    period = "total"


class MoneyBudgetFactory(BudgetFactory):
    """500.00 EUR altogether; a call costs its argument `amount`."""

    kind = "money"
    currency = "EUR"
    amount = "args.amount"
    limit = 50_000


class CounterFactory(DjangoModelFactory):
    class Meta:
        model = Counter

    environment = factory.SelfAttribute("budget.environment")
    budget = factory.SubFactory(BudgetFactory)
    subject = "environment"
    window = "total"


class UsageEntryFactory(DjangoModelFactory):
    class Meta:
        model = UsageEntry

    environment = factory.SelfAttribute("counter.environment")
    counter = factory.SubFactory(CounterFactory)
    ref = factory.LazyFunction(lambda: ids.encode("act", ids.new_id()))
    amount = 1
    status = UsageStatus.RESERVED


class BudgetAlertFactory(DjangoModelFactory):
    class Meta:
        model = BudgetAlert

    environment = factory.SelfAttribute("counter.environment")
    counter = factory.SubFactory(CounterFactory)
    level = BudgetAlert.Level.WARNING
    used = 80
    reserved = 0
    limit = 100
    announce_due_at = factory.LazyFunction(timezone.now)
    correlation_id = factory.LazyFunction(new_correlation_id)
