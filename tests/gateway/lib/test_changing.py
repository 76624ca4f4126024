"""A change of one row writes what Django's own would; its instance says what was written."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.models import Action, Execution
from approvals.states import ActionStatus, ExecutionStatus
from gateway.lib import changing
from gateway.lib.changing import Condition, change
from tests.factories.approvals import ActionFactory, ExecutionFactory

ATTEMPTED = Condition(
    lambda attempts: Q(attempts=attempts), attempts=Action._meta.get_field("attempts")
)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every form is new to each test."""
    monkeypatch.setattr(changing, "_known", {})


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def as_stored(row: Any) -> dict[str, Any]:
    return columns(type(row).objects.get(pk=row.pk))


@pytest.mark.django_db
@pytest.mark.parametrize("request_", [None, {"a": [1, None, "é"]}, [], "text", 0])
def test_values_of_every_kind_are_stored_and_read_as_django_stores_and_reads_them(
    request_: Any,
) -> None:
    ours, djangos = ExecutionFactory(), ExecutionFactory()
    new = {
        "status": ExecutionStatus.SENT, "sent_at": timezone.now(), "request": request_,
        "error": "It said 'no' %s.", "finished_at": None,
    }  # fmt: skip
    assert change(ours, ours.status, **new)
    Execution.objects.filter(pk=djangos.pk).update(**new)
    assert columns(ours) == as_stored(ours)
    names = list(new)
    found = Execution.objects.filter(pk__in=[ours.pk, djangos.pk]).values_list(*names)
    assert found[0] == found[1]
    nulls = Execution.objects.filter(pk__in=[ours.pk, djangos.pk], request__isnull=True)
    assert nulls.count() == (2 if request_ is None else 0)


@pytest.mark.django_db
def test_expressions_are_computed_by_the_database() -> None:
    action = ActionFactory(attempts=3)
    lease, number = timedelta(seconds=60), 4
    for _ in range(2):
        before = timezone.now() - timedelta(seconds=2)
        assert change(
            action, action.status, attempts=F("attempts") + number, due_at=Now(),
            lease_until=Now() + lease, row_version=F("row_version") + 1,
        )  # fmt: skip
        assert columns(action) == as_stored(action)
        assert before < action.due_at < timezone.now() + timedelta(seconds=2)
        assert abs(action.lease_until - action.due_at - lease) < timedelta(seconds=1)
        lease, number = timedelta(hours=5), 10
    assert action.attempts == 17


@pytest.mark.django_db
def test_a_form_is_composed_once_and_takes_other_values_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    composed: list[Any] = []
    compose = changing._compose

    def counted(*parts: Any) -> Any:
        composed.append(parts)
        return compose(*parts)

    monkeypatch.setattr(changing, "_compose", counted)
    rows = [ActionFactory(attempts=number) for number in range(3)]
    for number, row in enumerate(rows):
        due = Now() + timedelta(seconds=number)
        held = ATTEMPTED(attempts=number)
        assert change(row, row.status, held, code=f"code {number}", due_at=due)
        assert row.code == f"code {number}"
    assert len(composed) == 1
    assert change(rows[0], rows[0].status, code="other")
    assert len(composed) == 2


@pytest.mark.django_db
def test_one_statement_changes_and_reads() -> None:
    action = ActionFactory()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert change(action, action.status, code="new")
    assert len(asked) == 1


@pytest.mark.django_db
def test_nothing_changes_where_the_status_is_another_one_by_now() -> None:
    action = ActionFactory(status=ActionStatus.PENDING)
    Action.objects.filter(pk=action.pk).update(status=ActionStatus.REJECTED)
    before = as_stored(action)
    assert not change(action, ActionStatus.PENDING, code="late")
    assert as_stored(action) == before
    assert action.code == ""
    assert change(action, None, code="late")
    assert action.status == ActionStatus.REJECTED


@pytest.mark.django_db
@pytest.mark.parametrize(
    "condition", [ATTEMPTED(attempts=5), Q(attempts=5)], ids=["with values", "of Django's"]
)
def test_nothing_changes_where_the_condition_does_not_hold(condition: Any) -> None:
    action = ActionFactory(attempts=4)
    assert not change(action, action.status, condition, code="new")
    assert as_stored(action)["code"] == ""
    Action.objects.filter(pk=action.pk).update(attempts=5)
    assert change(action, action.status, condition, code="new")
    assert as_stored(action)["code"] == "new"


@pytest.mark.django_db
def test_only_the_row_itself_changes() -> None:
    action, other = ActionFactory(), ActionFactory()
    before = as_stored(other)
    assert change(action, action.status, code="new")
    assert as_stored(other) == before


@pytest.mark.django_db
def test_what_has_no_known_form_is_computed_all_the_same() -> None:
    action = ActionFactory(code="ab")
    for expected in ("abc", "abcc"):
        assert change(action, action.status, code=Concat(F("code"), Value("c")))
        assert action.code == as_stored(action)["code"] == expected


@pytest.mark.django_db
def test_a_related_row_stays_while_it_is_the_same_and_is_forgotten_when_it_is_another() -> None:
    action, other = ActionFactory(), ActionFactory()
    environment = action.environment
    assert change(action, action.status, code="new")
    assert action.environment is environment
    for _ in range(2):
        # An instance or its key, as with Django's own.
        assert change(action, action.status, agent=other.agent)
        assert action.agent == other.agent
        assert as_stored(action)["agent_id"] == other.agent_id
        other = ActionFactory()
