"""The budgets' pages: who may look, who may change, and what a person sees."""

from typing import Any

import pytest

from gateway.budgets.models import Budget
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.budgets import (
    BudgetAlertFactory,
    BudgetFactory,
    CounterFactory,
    MoneyBudgetFactory,
    UsageEntryFactory,
)
from tests.people import People, ready

pytestmark = pytest.mark.django_db
FILLED = {
    "scope": "environment", "value": "", "kind": "money", "period": "day", "limit": "500.00",
    "currency": "eur", "amount": "args.amount", "alert_percent": "75", "name": "refunds",
}  # fmt: skip


@pytest.fixture
def here() -> People:
    return ready()


def test_a_budget_is_shown_in_its_unit_with_what_is_taken_and_left(here: People) -> None:
    budget = MoneyBudgetFactory(environment=here.environment, limit=50_000)
    CounterFactory(budget=budget, used=30_000, reserved=12_050)
    page = text(signed_in(here.may_not).get(at(here.environment, "budgets:list")))
    for shown in ("500.00 EUR", "300.00 EUR used", "120.50 EUR reserved", "79.50 EUR", "84 %"):
        assert shown in page, shown
    assert 'class="cs-budget warn"' in page
    assert "New budget" not in page


def test_the_page_of_a_budget_leads_to_the_actions_and_runs_that_used_it(here: People) -> None:
    counter = CounterFactory(budget__environment=here.environment, budget__scope="user_id")
    action = UsageEntryFactory(counter=counter).ref
    run = UsageEntryFactory(counter=counter, ref="run_" + action[4:]).ref
    hidden = UsageEntryFactory(counter=counter, environment=here.elsewhere).ref
    BudgetAlertFactory(counter=counter)
    address = at(here.environment, "budgets:detail", budget=counter.budget.public_id)
    page = text(signed_in(here.may_not).get(address))
    assert at(here.environment, "approvals:detail", action=action) in page
    assert at(here.environment, "runs:detail", run=run) in page
    assert hidden not in page
    assert "Warned" in page


def test_an_admin_makes_a_budget_by_the_form(here: People) -> None:
    browser = signed_in(here.admin)
    answer = browser.post(at(here.environment, "budgets:new"), FILLED)
    made = Budget.objects.get()
    assert answer["Location"] == at(here.environment, "budgets:detail", budget=made.public_id)
    assert (made.limit, made.currency, made.alert_at, str(made.scoped_to)) == (
        50_000, "EUR", 0.75, "environment",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": "12.345"}, "decimal places"),
        ({"limit": "many"}, "no plain decimal number"),
        ({"limit": "1e3"}, "no plain decimal number"),
        ({"scope": "agent", "value": "nobody"}, "no agent"),
        ({"amount": "args."}, "does not compile"),
        ({"currency": "€"}, "ISO 4217"),
        ({"kind": "calls", "limit": "5"}, "Only a budget of money"),
    ],
)
def test_a_wrong_form_says_why_and_makes_nothing(
    here: People, wrong: dict[str, str], said: str
) -> None:
    answer = signed_in(here.admin).post(at(here.environment, "budgets:new"), FILLED | wrong)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Budget.objects.exists()


def test_a_change_keeps_what_the_form_only_rounds(here: People) -> None:
    budget = MoneyBudgetFactory(environment=here.environment, alert_at=0.333)
    address = at(here.environment, "budgets:change", budget=budget.public_id)
    browser = signed_in(here.admin)
    assert 'value="500.00"' in text(browser.get(address))
    data = {"limit": "600.00", "alert_percent": "33", "amount": "args.amount", "is_enabled": "on"}
    assert browser.post(address, data).status_code == 302
    budget.refresh_from_db()
    assert (budget.limit, budget.alert_at, budget.is_enabled) == (60_000, 0.333, True)


def test_archiving_asks_first_and_happens_by_post(here: People) -> None:
    budget = BudgetFactory(environment=here.environment)
    address = at(here.environment, "budgets:archive", budget=budget.public_id)
    browser = signed_in(here.admin)
    browser.get(address)
    assert Budget.objects.live().exists()
    browser.post(address)
    assert not Budget.objects.live().exists()
    listed = at(here.environment, "budgets:list")
    assert address[: -len("archive/")] not in text(browser.get(listed))
    assert address[: -len("archive/")] in text(browser.get(listed, {"state": "archived"}))


@pytest.mark.parametrize("name", ["new", "change", "archive"])
def test_a_viewer_changes_nothing(here: People, name: str) -> None:
    budget = BudgetFactory(environment=here.environment)
    parts: dict[str, Any] = {} if name == "new" else {"budget": budget.public_id}
    address = at(here.environment, f"budgets:{name}", **parts)
    assert signed_in(here.may_not).get(address).status_code == 403
    assert signed_in(here.may_not).post(address, FILLED).status_code == 403
    assert Budget.objects.get().archived_at is None


def test_an_agents_page_shows_the_budgets_that_count_it(here: People) -> None:
    agent = AgentFactory(environment=here.environment, slug="ada")
    BudgetFactory(environment=here.environment, name="of-ada", scope="agent", value="ada")
    each = BudgetFactory(environment=here.environment, name="of-each", scope="agent", limit=10)
    CounterFactory(budget=each, subject="agent:ada", used=4)
    BudgetFactory(environment=here.environment, name="of-bob", scope="agent", value="bob")
    address = at(here.environment, "agents:detail", agent=agent.public_id)
    page = text(signed_in(here.may_not).get(address))
    assert "of-ada" in page
    assert "4 calls used" in page
    assert "of-bob" not in page


def test_the_list_is_exported_with_plain_numbers(here: People) -> None:
    budget = MoneyBudgetFactory(environment=here.environment, name="refunds")
    CounterFactory(budget=budget, used=30_000)
    browser = signed_in(here.admin)
    lines = text(browser.get(at(here.environment, "budgets:list"), {"format": "csv"})).split()
    assert "refunds,environment,money,EUR,50000,total,30000,0" in lines[1]
