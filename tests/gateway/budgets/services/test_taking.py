"""Amounts are set aside, used up or given back, and never more than there is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditRecord
from gateway.budgets import services
from gateway.budgets.models import BudgetAlert, Counter, UsageEntry
from gateway.budgets.services import Exceeded, Subjects
from gateway.tenants.models import Environment
from tests.factories.budgets import BudgetFactory, CounterFactory, MoneyBudgetFactory
from tests.factories.tenants import EnvironmentFactory

ADA = Subjects(agent="ada", tool="refund", tags={"project_id": "shop"})
BOB = Subjects(agent="bob", tool="note")


@pytest.fixture
def place() -> Environment:
    return EnvironmentFactory()


def take(place: Environment, ref: str, *, by: Subjects = ADA, **args: Any) -> None:
    standings = services.look(place, by, charge={"args": args, "tool": {"name": by.tool}})
    if short := services.short_of(standings):
        raise services.refusal(short[0])
    services.reserve(place, ref, standings)


def amounts(budget: Any) -> list[tuple[str, int, int]]:
    rows = Counter.objects.filter(budget=budget).order_by("subject")
    return [(row.subject, row.used, row.reserved) for row in rows]


@pytest.mark.django_db
def test_a_call_is_set_aside_and_used_up_once(place: Environment) -> None:
    budget = BudgetFactory(environment=place, limit=2)
    take(place, "act_1")
    assert amounts(budget) == [("environment", 0, 1)]
    services.settle("act_1")
    services.settle("act_1")
    services.release("act_1")
    assert amounts(budget) == [("environment", 1, 0)]


@pytest.mark.django_db
def test_what_did_not_run_is_given_back_once(place: Environment) -> None:
    budget = BudgetFactory(environment=place, limit=2)
    take(place, "act_1")
    take(place, "act_2")
    services.release("act_1")
    services.release("act_1")
    assert amounts(budget) == [("environment", 0, 1)]


@pytest.mark.django_db
def test_the_last_of_a_budget_is_given_once_and_the_refusal_says_all(place: Environment) -> None:
    BudgetFactory(environment=place, name="few", limit=1, period="day")
    take(place, "act_1")
    with pytest.raises(Exceeded) as refused:
        take(place, "act_2")
    error = refused.value
    assert error.code == "budget_exceeded"
    assert error.extra | {"resets_at": "", "retry_after_s": 0} == {
        "budget": "few", "scope": "environment", "kind": "calls", "period": "day", "limit": 1,
        "used": 0, "reserved": 1, "amount": 1, "currency": None, "resets_at": "",
        "retry_after_s": 0,
    }  # fmt: skip
    assert 0 < error.extra["retry_after_s"] <= 25 * 3600
    assert "1 call of 1 call are taken" in error.detail


@pytest.mark.django_db
def test_money_is_counted_in_minor_units_and_an_error_refuses(place: Environment) -> None:
    budget = MoneyBudgetFactory(environment=place, limit=50_000)
    take(place, "act_1", amount="480.00")
    with pytest.raises(Exceeded, match="480.00 EUR of 500.00 EUR are taken, and this needs 20.01"):
        take(place, "act_2", amount="20.01")
    take(place, "act_3", amount="20.00")
    assert amounts(budget) == [("environment", 0, 50_000)]
    for wrong in ({"amount": 1.5}, {"amount": "1.234"}, {}, {"amount": "-1"}):
        with pytest.raises(Exceeded) as refused:
            take(place, "act_4", **wrong)
        assert refused.value.code == "amount_unreadable"


@pytest.mark.django_db
def test_a_budget_may_ask_which_tool_it_is_that_costs(place: Environment) -> None:
    amount = 'tool.name == "refund" ? args.amount : 0'
    budget = MoneyBudgetFactory(environment=place, amount=amount, scope="agent")
    take(place, "act_1", amount=1_000)
    take(place, "act_2", by=BOB)
    assert amounts(budget) == [("agent:ada", 0, 1_000)]


@pytest.mark.django_db
def test_each_one_of_a_scope_has_its_own_counter(place: Environment) -> None:
    each = BudgetFactory(environment=place, scope="agent", limit=1)
    one = BudgetFactory(environment=place, scope="agent", value="ada", limit=5)
    take(place, "act_1")
    take(place, "act_2", by=BOB)
    assert amounts(each) == [("agent:ada", 0, 1), ("agent:bob", 0, 1)]
    assert amounts(one) == [("agent:ada", 0, 1)]


@pytest.mark.django_db
def test_where_one_budget_has_no_room_nothing_is_taken_of_the_others(place: Environment) -> None:
    wide = BudgetFactory(environment=place, limit=9)
    tight = BudgetFactory(environment=place, limit=1)
    stale = services.look(place, ADA, charge={"args": {}, "tool": {}})
    take(place, "act_1")
    with pytest.raises(Exceeded):
        services.reserve(place, "act_2", stale)
    assert (amounts(wide), amounts(tight)) == (
        [("environment", 0, 1)],
        [("environment", 0, 1)],
    )
    assert not UsageEntry.objects.filter(ref="act_2").exists()


@pytest.mark.django_db
def test_a_budget_of_the_tenant_counts_every_environment_and_no_other_tenant(
    place: Environment,
) -> None:
    budget = BudgetFactory(environment=place, scope="tenant", limit=2)
    take(place, "act_1")
    take(EnvironmentFactory(tenant=place.tenant), "act_2")
    take(EnvironmentFactory(), "act_3")
    assert amounts(budget) == [("tenant", 0, 2)]


@pytest.mark.django_db
def test_a_switched_off_or_archived_budget_limits_nothing(place: Environment) -> None:
    BudgetFactory(environment=place, limit=0, is_enabled=False)
    BudgetFactory(environment=place, limit=0, archived_at=place.created_at)
    take(place, "act_1")
    assert not UsageEntry.objects.exists()


@pytest.mark.django_db
def test_a_new_window_is_empty(place: Environment) -> None:
    budget = BudgetFactory(environment=place, limit=1, period="day")
    CounterFactory(budget=budget, window="2020-01-01", used=1)
    take(place, "act_1")
    assert amounts(budget)[-1] == ("environment", 0, 1)


@pytest.mark.django_db
def test_the_fraction_and_the_limit_alarm_once_for_each_window(place: Environment) -> None:
    budget = BudgetFactory(environment=place, limit=10)
    for number in range(10):
        take(place, f"act_{number}")
        services.release(f"act_{number}") if number == 8 else None
    take(place, "act_last")
    raised = [
        (alert.level, alert.used + alert.reserved) for alert in BudgetAlert.objects.order_by("id")
    ]
    assert raised == [("warning", 8), ("reached", 10)]
    records = AuditRecord.objects.filter(action__startswith="budgets.budget")
    assert sorted(records.values_list("action", flat=True)) == [
        "budgets.budget.alerted",
        "budgets.budget.limit_reached",
    ]
    assert all(alert.announce_due_at for alert in BudgetAlert.objects.all())
    assert amounts(budget) == [("environment", 0, 10)]


@pytest.mark.django_db
def test_an_alert_is_announced_and_then_rests(
    place: Environment, settle: Callable[..., list[Any]]
) -> None:
    BudgetFactory(environment=place, limit=1)
    take(place, "act_1")
    settle()
    assert BudgetAlert.objects.get().announce_due_at is None


@pytest.mark.django_db
def test_what_a_provider_reports_counts_in_full_and_says_what_is_reached(
    place: Environment,
) -> None:
    tokens = BudgetFactory(environment=place, kind="tokens", limit=1_000)
    BudgetFactory(environment=place, kind="cost", limit=5_000_000, scope="run", period="run")
    run = Subjects(agent="ada", run="run_1")
    assert services.add_reported(place, "run_1", run, tokens=900, cost=4_999_999) == []
    reached = services.add_reported(place, "run_1", run, tokens=200, cost=1)
    assert sorted(standing.budget.kind for standing in reached) == ["cost", "tokens"]
    assert amounts(tokens) == [("environment", 1_100, 0)]
    assert UsageEntry.objects.get(counter__budget=tokens).amount == 1_100
    # Nothing is charged for a call, but a call needs some room.
    with pytest.raises(Exceeded):
        take(place, "act_1")


@pytest.mark.django_db
def test_a_policy_sees_every_budget_by_its_name(place: Environment) -> None:
    BudgetFactory(environment=place, name="few", limit=4)
    BudgetFactory(environment=place, name="of_bob", scope="agent", value="bob")
    take(place, "act_1")
    assert services.as_facts(services.look(place, ADA)) == {
        "few": {"limit": 4, "used": 0, "reserved": 1, "remaining": 3, "ratio": 0.25}
    }


@pytest.mark.django_db
def test_how_budgets_stand_is_one_query(place: Environment, django_assert_num_queries: Any) -> None:
    for number in range(5):
        BudgetFactory(environment=place, limit=10 + number)
    take(place, "act_1")
    with django_assert_num_queries(1):
        assert len(services.look(place, ADA)) == 5


@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_take_more_than_there_is() -> None:
    place = EnvironmentFactory()
    budgets = [
        BudgetFactory(environment=place, limit=7),
        MoneyBudgetFactory(environment=place, scope="agent", limit=50_000),
        BudgetFactory(environment=place, limit=30, period="day"),
    ]
    start = Barrier(8)

    def work(worker: int) -> int:
        start.wait()
        done = 0
        try:
            for number in range(4):
                ref = f"act_{worker}_{number}"
                try:
                    take(place, ref, amount="10.00")
                except Exceeded:
                    continue
                done += 1
                services.settle(ref) if number % 2 else services.release(ref)
        finally:
            connection.close()
        return done

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(work, range(8)))
    rows = Counter.objects.filter(budget__in=budgets)
    assert all(row.reserved == 0 for row in rows)
    settled = UsageEntry.objects.filter(counter__budget=budgets[0], status="settled").count()
    assert rows.get(budget=budgets[0]).used == settled <= 7
    assert rows.get(budget=budgets[1]).used == settled * 1_000
    assert done >= 7
