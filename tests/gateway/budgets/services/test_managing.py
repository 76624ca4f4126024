"""A budget is checked before it exists; what it counts never changes."""

from typing import Any

import pytest
from django.db.models import Model

from audit.models import AuditRecord
from gateway.budgets import services
from gateway.budgets.models import Budget
from gateway.lib.errors import Denied, Refused
from gateway.tenants.principals import of_user
from gateway.tenants.roles import Role
from tests.factories.agents import AgentFactory
from tests.factories.tenants import EnvironmentFactory, MemberRoleFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db
CALLS = {"scope": "environment", "kind": "calls", "limit": 10, "period": "day"}
MONEY = {**CALLS, "kind": "money", "currency": "EUR", "amount": "args.amount"}


@pytest.fixture
def here() -> People:
    return ready()


def make(here: People, **fields: Any) -> Budget:
    return services.create(here.environment, by=here.principal(here.admin), **{**CALLS, **fields})


def test_a_budget_without_a_name_gets_one_of_its_parts(here: People) -> None:
    AgentFactory(environment=here.environment, slug="ada")
    assert make(here).name == "environment_calls_day"
    assert make(here).name == "environment_calls_day_2"
    assert make(here, scope="agent:ada").name == "ada_calls_day"
    assert make(here, **MONEY).alert_at == 0.8


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"scope": "planet"}, "scope_invalid"),
        ({"scope": "environment:other"}, "scope_invalid"),
        ({"scope": "agent:nobody"}, "unknown_agent"),
        ({"scope": "tool:nothing"}, "unknown_tool"),
        ({"kind": "wishes"}, "kind_invalid"),
        ({"period": "week"}, "period_invalid"),
        ({"limit": -1}, "limit_invalid"),
        ({"limit": 10.5}, "limit_invalid"),
        ({"alert_at": 0}, "alert_invalid"),
        ({"alert_at": 1.1}, "alert_invalid"),
        ({"kind": "money", "amount": "args.amount"}, "currency_invalid"),
        ({"kind": "money", "currency": "EUR"}, "amount_missing"),
        ({**MONEY, "amount": "args."}, "amount_invalid"),
        ({**MONEY, "amount": "run.calls"}, "amount_invalid"),
        ({**MONEY, "period": "minute"}, "period_invalid"),
        ({"currency": "EUR"}, "amount_invalid"),
        ({"kind": "tokens", "scope": "tool"}, "scope_invalid"),
    ],
)
def test_a_budget_with_a_wrong_part_is_refused_and_leaves_nothing(
    here: People, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        make(here, **fields)
    assert refused.value.code == code
    assert not Budget.objects.exists()


def test_a_name_is_free_again_once_its_budget_is_archived(here: People) -> None:
    first = make(here, name="few")
    with pytest.raises(Refused, match="few"):
        make(here, name="few")
    services.archive(first, by=here.principal(here.admin))
    make(here, name="few")


def test_only_what_may_change_is_changed_and_recorded(here: People) -> None:
    budget, by = make(here), here.principal(here.admin)
    services.change(budget, by=by, limit=20, is_enabled=False)
    budget.refresh_from_db()
    assert (budget.limit, budget.is_enabled) == (20, False)
    record = AuditRecord.objects.get(action="budgets.budget.changed")
    assert record.target_id == budget.public_id
    with pytest.raises(Refused, match="archive it"):
        services.change(budget, by=by, kind="tokens")
    services.archive(budget, by=by)
    with pytest.raises(Refused, match="archived"):
        services.change(budget, by=by, limit=30)


def test_a_budget_of_the_tenant_needs_the_right_in_every_environment(here: People) -> None:
    other = EnvironmentFactory(tenant=here.environment.tenant)
    with pytest.raises(Denied):
        make(here, scope="tenant")
    MemberRoleFactory(member=here.member(here.admin), environment=other, role=Role.ADMIN)
    by = of_user(type(here.admin).objects.get(pk=here.admin.pk), here.environment)
    made: Model = services.create(here.environment, by=by, **{**CALLS, "scope": "tenant"})
    assert made.pk
