"""A call takes of the budgets when it is approved, and what it took follows it to its end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from approvals.models import Action
from approvals.services import approve, cancel, cancel_run_actions, reconcile, reject, save_policy
from approvals.services.due import expire_due
from approvals.services.editing import edit
from approvals.states import ActionStatus, ExecutionStatus
from audit.models import AuditRecord
from gateway.budgets.models import Budget, BudgetAlert, Counter
from gateway.lib.errors import Refused
from gateway.runs.services.updating import context_of
from gateway.tenants import principals
from tests.factories.approvals import ExecutionFactory
from tests.factories.budgets import BudgetFactory, MoneyBudgetFactory
from tests.factories.runs import RunFactory
from tests.invariants.scene import Scene, fakes, run_out, scene

Settle = Callable[..., list[Any]]
ALLOW = [{"name": "free", "when": "true", "verdict": "allow"}]


@pytest.fixture
def here(db: None) -> Scene:
    return scene()


@pytest.fixture
def fake() -> Iterator[Any]:
    with fakes() as (connector, _):
        yield connector


def budget(here: Scene, **more: Any) -> Budget:
    return BudgetFactory(environment=here.environment, **more)


def taken(budget: Budget) -> tuple[int, int]:
    row = Counter.objects.filter(budget=budget).first()
    return (row.used, row.reserved) if row else (0, 0)


def by(here: Scene) -> principals.Principal:
    return here.people.principal(here.people.may)


def test_a_call_that_policy_allows_takes_its_part_and_uses_it_up(
    here: Scene, fake: Any, settle: Settle
) -> None:
    limit = budget(here)
    here.ask("look")
    assert taken(limit) == (0, 1)
    settle()
    assert taken(limit) == (1, 0)


def test_a_call_that_waits_takes_nothing_before_the_last_vote(
    here: Scene, fake: Any, settle: Settle
) -> None:
    limit = budget(here)
    action = here.ask()
    assert taken(limit) == (0, 0)
    approve(action=action, by=by(here), digest=action.digest)
    assert taken(limit) == (0, 1)
    settle()
    assert taken(limit) == (1, 0)


def test_a_call_that_fits_no_more_is_refused_before_anybody_is_asked(here: Scene) -> None:
    limit = budget(here, name="few", limit=1)
    here.approved()
    refused = here.ask(arguments={"note": "another"})
    assert (refused.status, refused.code) == ("denied", "budget_exceeded")
    assert refused.refusal["budget"] == "few"
    assert refused.refusal["resets_at"] is None
    assert "Budget few has no room" in refused.reason
    assert (refused.requirement, refused.digest) == (None, "")
    denied = AuditRecord.objects.filter(action="approvals.action.denied").get()
    assert denied.target_id == refused.public_id
    assert taken(limit) == (0, 1)
    assert BudgetAlert.objects.get().level == "reached"


def test_a_reviewer_is_told_and_the_action_goes_on_waiting(here: Scene) -> None:
    limit = budget(here, limit=1)
    first, second = here.ask(), here.ask(arguments={"note": "another"})
    approve(action=first, by=by(here), digest=first.digest)
    with pytest.raises(Refused) as refused:
        approve(action=second, by=by(here), digest=second.digest)
    assert refused.value.code == "budget_exceeded"
    second.refresh_from_db()
    assert second.status == ActionStatus.PENDING
    assert not second.approvals.exists()
    assert taken(limit) == (0, 1)
    cancel(action=first, by=here.people.principal(here.people.operator))
    approve(action=second, by=by(here), digest=second.digest)
    assert taken(limit) == (0, 1)


def _rejected(here: Scene) -> None:
    action = here.ask()
    reject(action=action, by=by(here), digest=action.digest, reason="No.")


def _canceled(here: Scene) -> None:
    cancel(action=here.approved(), by=here.people.principal(here.people.operator))


def _expired(here: Scene) -> None:
    action = here.approved()
    run_out(Action.objects.filter(pk=action.pk), "execute_by", "due_at")
    expire_due()


def _denied_at_the_claim(here: Scene) -> None:
    here.approved()
    save_policy(
        here.environment, name="no", comment="x",
        rules=[{"name": "no", "when": "true", "verdict": "deny"}],
    )  # fmt: skip


def _back_to_review(here: Scene) -> None:
    here.approved()
    rules = [{"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}]
    save_policy(here.environment, name="two", comment="x", rules=rules)


def _run_ended(here: Scene) -> None:
    run = RunFactory(environment=here.environment, agent=here.agent, provider=here.provider)
    for note in "ab":
        here.approved(run=context_of(run), arguments={"note": note})
    cancel_run_actions(run.pk, principals.system(here.environment), reason="It ended.")


@pytest.mark.parametrize(
    "end",
    [_rejected, _canceled, _expired, _denied_at_the_claim, _back_to_review, _run_ended],
    ids=lambda end: end.__name__,
)
def test_what_did_not_run_is_given_back(
    here: Scene, fake: Any, settle: Settle, end: Callable[[Scene], None]
) -> None:
    limit = budget(here)
    end(here)
    settle()
    assert taken(limit) == (0, 0)


@pytest.mark.parametrize(("operation", "after"), [("fail", (0, 0)), ("lose", (0, 1))])
def test_a_failure_gives_back_and_an_unknown_outcome_keeps_its_amount_aside(
    fake: Any, settle: Settle, db: None, operation: str, after: tuple[int, int]
) -> None:
    here = scene(operation=operation, retry_class="unsafe")
    limit = budget(here)
    here.approved()
    settle()
    assert taken(limit) == after


def test_a_failure_after_an_attempt_that_may_have_happened_counts_as_used(
    fake: Any, settle: Settle, db: None
) -> None:
    here = scene(operation="fail")
    limit = budget(here)
    ExecutionFactory(action=here.approved(), attempt=99, status=ExecutionStatus.UNKNOWN)
    settle()
    assert taken(limit) == (1, 0)


@pytest.mark.parametrize(("found", "after"), [("succeeded", (1, 0)), ("failed", (0, 0))])
def test_a_reconciled_outcome_settles_the_amount(
    fake: Any, settle: Settle, db: None, found: str, after: tuple[int, int]
) -> None:
    here = scene(operation="lose", retry_class="unsafe")
    limit = budget(here)
    action = here.approved()
    settle()
    action.refresh_from_db()
    operator = here.people.principal(here.people.operator)
    reconcile(action=action, by=operator, outcome=found, evidence="Seen in the service's log.")
    assert taken(limit) == after


def test_the_agents_cap_of_calls_a_minute_holds_for_all_that_pass_the_gate(here: Scene) -> None:
    here.agent.caps = {"calls_per_minute": 2}
    here.agent.save()
    statuses = [here.ask(tool).status for tool in ("look", "note", "look", "note")]
    # Two where the clock's minute ends in the middle of the test.
    assert statuses[:2] == ["approved", "pending"]
    last = Action.objects.latest("created_at")
    if last.status == ActionStatus.DENIED:
        assert last.code == "rate_limited"
        assert 0 < last.refusal["retry_after_s"] <= 60
    assert statuses.count("denied") in {1, 2}


def test_a_cap_that_is_no_number_lets_nothing_pass(here: Scene) -> None:
    here.agent.caps = {"calls_per_minute": "many"}
    here.agent.save()
    assert here.ask("look").code == "rate_limited"


def test_a_limit_of_speed_counts_what_waits_as_well_and_gives_nothing_back(here: Scene) -> None:
    rate = budget(here, scope="tool", period="minute", limit=100)
    action = here.ask()
    reject(action=action, by=by(here), digest=action.digest, reason="No.")
    assert sum(Counter.objects.filter(budget=rate).values_list("used", flat=True)) == 1


def test_a_call_without_a_readable_amount_is_refused(here: Scene) -> None:
    MoneyBudgetFactory(environment=here.environment)
    refused = here.ask("look")
    assert (refused.status, refused.code) == ("denied", "amount_unreadable")


def test_a_runs_tags_count_whatever_its_calls_say(here: Scene) -> None:
    limit = budget(here, scope="project_id", value="shop")
    run = RunFactory(
        environment=here.environment, agent=here.agent, provider=here.provider,
        tags={"project_id": "shop"},
    )  # fmt: skip
    here.ask("look", run=context_of(run), tags={"project_id": "other"})
    here.approved(run=context_of(run), tags={"project_id": "other"})
    assert taken(limit) == (0, 2)


def test_rules_see_the_budget(here: Scene) -> None:
    budget(here, name="few", limit=4)
    rules = [
        {"name": "wide", "when": "budget.few.ratio < 0.5", "verdict": "allow"},
        {"name": "narrow", "when": "true", "verdict": "require_approval"},
    ]
    save_policy(here.environment, name="careful", comment="x", rules=rules)
    asked = [here.ask(arguments={"note": str(number)}) for number in range(3)]
    assert [action.status for action in asked] == ["approved", "approved", "pending"]
    assert asked[2].facts["budget"]["few"]["remaining"] == 2


def test_an_edit_beyond_the_budget_is_refused_as_a_whole_and_the_action_goes_on_waiting(
    here: Scene,
) -> None:
    limit = MoneyBudgetFactory(environment=here.environment, amount="size(args.note)", limit=5)
    action = here.ask(arguments={"note": "short"})
    longer = {"note": "longer"}
    with pytest.raises(Refused) as refused:
        approve(action=action, by=by(here), digest=action.digest, arguments=longer)
    assert refused.value.code == "budget_exceeded"
    action.refresh_from_db()
    assert (action.status, action.version, action.arguments_value) == (
        "pending",
        1,
        {"note": "short"},
    )
    approve(action=action, by=by(here), digest=action.digest, arguments={"note": "tiny"})
    assert taken(limit) == (0, 4)


def test_an_edit_is_no_further_call_that_could_be_too_fast(here: Scene) -> None:
    rate = budget(here, period="minute", limit=1)
    action = here.ask()
    Counter.objects.filter(budget=rate).update(used=1)
    edited = edit(action=action, by=by(here), digest=action.digest, arguments={"note": "other"})
    assert edited.status == ActionStatus.PENDING


def test_a_repeated_call_takes_its_part_once(here: Scene) -> None:
    limit = budget(here)
    first, again = here.ask("look", call_id="c1"), here.ask("look", call_id="c1")
    assert first.pk == again.pk
    assert taken(limit) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_calls_at_the_same_moment_never_take_more_than_there_is() -> None:
    here = scene()
    limit = budget(here, limit=3)
    start = Barrier(6)

    def ask(number: int) -> str:
        start.wait()
        try:
            return here.ask("look", arguments={"note": str(number)}).status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(ask, range(6)))
    assert statuses == ["approved"] * 3 + ["denied"] * 3
    assert taken(limit) == (0, 3)
    refused = Action.objects.filter(status="denied")
    assert {action.code for action in refused} == {"budget_exceeded"}


@pytest.mark.django_db(transaction=True)
def test_reviewers_at_the_same_moment_never_take_more_than_there_is() -> None:
    here = scene()
    limit = budget(here, limit=2)
    asked = [here.ask(arguments={"note": str(number)}) for number in range(4)]
    start = Barrier(4)

    def decide(action: Action) -> str:
        start.wait()
        try:
            return approve(action=action, by=by(here), digest=action.digest).status
        except Refused as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(decide, asked))
    assert outcomes == ["approved"] * 2 + ["budget_exceeded"] * 2
    assert taken(limit) == (0, 2)
    assert Action.objects.filter(status="pending").count() == 2
