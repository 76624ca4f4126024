"""What providers report is counted against budgets; a used-up one ends the run, and starts none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals.models import Action
from gateway.budgets.models import BudgetAlert, Counter
from gateway.lib.errors import Refused
from gateway.providers.base import RunStatus as Reported
from gateway.providers.base import RunUpdate, Usage
from gateway.runs import services
from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from tests.factories.budgets import BudgetFactory
from tests.factories.runs import RunFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]


@pytest.fixture
def here() -> Iterator[Scene]:
    with fakes():
        yield scene()


@pytest.fixture
def run(here: Scene) -> Run:
    return RunFactory(
        environment=here.environment, agent=here.agent, provider=here.provider,
        tags={"project_id": "shop"},
    )  # fmt: skip


def reports(run: Run, event: str, status: str = "running", **usage: int) -> Run:
    update = RunUpdate(
        run.provider_run_id or "", Reported(status), usage=Usage(**usage), event="run.progress"
    )
    services.apply_update(run.provider, update, event_public_id=event)
    run.refresh_from_db()
    return run


def used(budget: Any) -> int:
    return sum(Counter.objects.filter(budget=budget).values_list("used", flat=True))


def test_reported_totals_are_charged_for_what_they_grew_by(here: Scene, run: Run) -> None:
    tokens = BudgetFactory(environment=here.environment, kind="tokens", limit=10_000)
    cost = BudgetFactory(
        environment=here.environment, kind="cost", limit=1_000_000, scope="project_id"
    )
    reports(run, "evt_1", input_tokens=100, output_tokens=20, cost_micro_usd=4_000)
    reports(run, "evt_1", input_tokens=100, output_tokens=20, cost_micro_usd=4_000)
    reports(run, "evt_3", input_tokens=300, output_tokens=50, cost_micro_usd=9_000)
    # It was sent before the one that came before it.
    reports(run, "evt_2", input_tokens=200, output_tokens=30, cost_micro_usd=6_000)
    assert (used(tokens), used(cost)) == (350, 9_000)
    assert run.usage["input_tokens"] == 300


def test_a_used_up_budget_ends_the_run_and_withdraws_what_waits(
    here: Scene, run: Run, settle: Settle
) -> None:
    BudgetFactory(environment=here.environment, name="tokens", kind="tokens", limit=1_000)
    waiting = here.ask(run=services.context_of(run))
    reports(run, "evt_1", input_tokens=900)
    assert run.status == RunStatus.RUNNING
    assert BudgetAlert.objects.get().level == "warning"
    reports(run, "evt_2", input_tokens=1_001)
    assert run.status == RunStatus.FAILED
    assert (run.error["code"], run.error["cap"]) == ("budget_exceeded", "tokens")
    assert "Budget tokens has no room" in run.error["message"]
    assert run.cancel_due_at is not None
    waiting.refresh_from_db()
    assert waiting.status == "canceled"
    assert run.events.filter(kind="run.cap_reached").exists()


def test_what_an_ended_run_reports_late_is_counted_and_changes_nothing_else(
    here: Scene, run: Run
) -> None:
    budget = BudgetFactory(environment=here.environment, kind="tokens", limit=1_000)
    reports(run, "evt_1", input_tokens=1_000)
    error = run.error
    reports(run, "evt_2", input_tokens=1_200)
    assert (run.status, run.error) == (RunStatus.FAILED, error)
    assert used(budget) == 1_200


def test_a_completed_run_stays_completed_whatever_it_cost(here: Scene, run: Run) -> None:
    BudgetFactory(environment=here.environment, kind="cost", limit=1)
    reports(run, "evt_1", status="completed", cost_micro_usd=5)
    assert run.status == RunStatus.COMPLETED


def test_a_used_up_budget_lets_no_run_begin_and_no_call_pass(here: Scene, run: Run) -> None:
    BudgetFactory(environment=here.environment, kind="tokens", limit=10)
    reports(run, "evt_1", status="completed", input_tokens=10)
    with pytest.raises(Refused) as refused:
        services.start(
            here.environment, agent=here.agent, provider=None, task="More.",
            by=here.people.principal(here.people.operator),
        )  # fmt: skip
    assert refused.value.code == "budget_exceeded"
    assert Run.objects.count() == 1
    assert here.ask("look").code == "budget_exceeded"
    assert Action.objects.get().status == "denied"


def test_each_run_has_a_budget_of_its_own(here: Scene, run: Run) -> None:
    BudgetFactory(environment=here.environment, kind="tokens", limit=10, scope="run", period="run")
    reports(run, "evt_1", input_tokens=10)
    other = RunFactory(environment=here.environment, agent=here.agent, provider=here.provider)
    reports(other, "evt_2", input_tokens=9)
    assert (run.status, other.status) == (RunStatus.FAILED, RunStatus.RUNNING)


def test_a_refused_call_is_told_to_the_provider_by_its_own_code(
    here: Scene, run: Run, settle: Settle
) -> None:
    BudgetFactory(environment=here.environment, limit=0)
    refused = here.ask("look", run=services.context_of(run))
    settle()
    told = refused.report.answer["error"]
    assert (told["code"], told["retryable"]) == ("budget_exceeded", False)
    assert told["message"] == refused.reason
