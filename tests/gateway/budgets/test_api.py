"""Budgets by API: made, read, changed, archived, and what used them."""

from typing import Any

import pytest

from gateway.budgets.models import Budget
from tests.callers import key_of
from tests.factories.budgets import CounterFactory, UsageEntryFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db
CALLS = {"scope": "environment", "kind": "calls", "limit": 10, "period": "day", "alert_at": 0.5}
MONEY = {
    "scope": "tool", "kind": "money", "limit": 50_000, "period": "month", "currency": "EUR",
    "amount": "args.amount", "name": "refunds",
}  # fmt: skip


@pytest.fixture
def here() -> People:
    return ready()


def test_an_admin_makes_a_budget_and_anybody_there_reads_it(here: People) -> None:
    made = key_of(here, here.admin).post("budgets", MONEY)
    assert made.status_code == 201
    body = made.json()
    assert (body["scope"], body["limit"], body["currency"]) == ("tool", 50_000, "EUR")
    assert (body["alert_at"], body["enabled"], body["fullest"]) == (0.8, True, None)
    viewer = key_of(here, here.may_not)
    assert viewer.get(f"budgets/{body['id']}").json() == body
    assert viewer.get("budgets/refunds").json() == body
    assert viewer.post("budgets", CALLS).status_code == 403


def test_the_contracts_five_fields_are_enough(here: People) -> None:
    made = key_of(here, here.admin).post("budgets", CALLS)
    assert (made.status_code, made.json()["name"]) == (201, "environment_calls_day")


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 1.5}, {"limit": "10.5"}, {"limit": -1}, {"kind": "x"}, {"period": "x"},
        {"scope": "x"}, {"alert_at": 2}, {"limit": 10**19},
    ],
)  # fmt: skip
def test_a_wrong_field_is_422_and_nothing_is_made(here: People, wrong: dict[str, Any]) -> None:
    answer = key_of(here, here.admin).post("budgets", {**CALLS, **wrong})
    assert answer.status_code == 422
    assert not Budget.objects.exists()


def test_the_list_shows_the_fullest_counter_in_a_few_queries(
    here: People, django_assert_max_num_queries: Any
) -> None:
    admin = key_of(here, here.admin)
    budget = Budget.objects.get(name=admin.post("budgets", MONEY).json()["name"])
    CounterFactory(budget=budget, subject="tool:a", window="total", used=1)
    CounterFactory(budget=budget, subject="tool:b", window="total", used=5, reserved=2)
    admin.post("budgets", CALLS)
    with django_assert_max_num_queries(12):
        rows = admin.get("budgets").json()["items"]
    assert [row["open_counters"] for row in rows] == [0, 2]
    assert rows[1]["fullest"]["subject"] == "tool:b"


def test_a_limit_is_changed_and_what_is_counted_is_not(here: People) -> None:
    admin = key_of(here, here.admin)
    made = admin.post("budgets", CALLS).json()
    changed = admin.send("patch", f"budgets/{made['id']}", {"limit": 99, "enabled": False})
    assert (changed.json()["limit"], changed.json()["enabled"]) == (99, False)
    assert admin.send("patch", f"budgets/{made['id']}", {"kind": "tokens"}).status_code == 422


def test_an_archived_budget_stays_readable_and_changes_no_more(here: People) -> None:
    admin = key_of(here, here.admin)
    made = admin.post("budgets", CALLS).json()
    assert admin.post(f"budgets/{made['id']}/archive").json()["archived_at"]
    assert admin.post(f"budgets/{made['id']}/archive").status_code == 422
    assert admin.get(f"budgets/{made['id']}").status_code == 200


def test_what_used_a_budget_is_listed_for_this_environment_only(here: People) -> None:
    admin = key_of(here, here.admin)
    made = admin.post("budgets", CALLS).json()
    counter = CounterFactory(budget=Budget.objects.get(name=made["name"]))
    ours = UsageEntryFactory(counter=counter)
    UsageEntryFactory(counter=counter, environment=here.elsewhere)
    items = admin.get(f"budgets/{made['id']}/usage").json()["items"]
    assert [(item["ref"], item["state"], item["amount"]) for item in items] == [
        (ours.ref, "reserved", 1)
    ]
