"""Approved actions over a connection, through the whole executor: each ends in one named state."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.connections.models import Connection, Token
from gateway.connections.services import archive, holding, rotate
from gateway.tools.services import save
from tests.doubles.oauth import CLIENT_SECRET
from tests.doubles.serving import Said
from tests.factories.tools import ToolDefinitionFactory
from tests.gateway.connections.conftest import aged
from tests.invariants.scene import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return scene()


@pytest.fixture
def approved(here, machine, authority):
    """An approved order over a connection whose token is issued on demand."""

    def make(**connection) -> Action:
        made = machine(environment=here.environment, **connection)
        save(
            here.environment, connection=made,
            **ToolDefinitionFactory(
                name="order", connector="http", operation="request", retry_class="unsafe",
                config={"method": "POST", "url": f"{authority.url}/api/orders"},
            ),
        )  # fmt: skip
        action = here.approved(tool="order")
        # The look before the decision had a token; what is done later begins anew.
        holding.forget_token(made)
        authority.asked.clear()
        return action

    return make


def carried_out(action: Action) -> Action:
    executor.execute(str(action.pk))
    action.refresh_from_db()
    return action


def orders(authority):
    return [key for what, key in authority.effects if what == "done"]


def test_a_token_is_issued_and_the_order_is_placed_once(approved, authority):
    action = carried_out(approved())
    assert action.status == ActionStatus.SUCCEEDED
    assert orders(authority) == [action.public_id]
    assert Connection.objects.get().last_used_at


def test_a_token_that_was_revoked_meanwhile_costs_one_refresh_and_one_more_try(approved, authority):
    action = approved()
    authority.before = [Said(200, {"access_token": "revoked-one", "expires_in": 3600})]
    action = carried_out(action)
    assert action.status == ActionStatus.SUCCEEDED
    assert orders(authority) == [action.public_id]
    paths = [asked.path for asked in authority.asked]
    assert paths == ["/token", "/api/orders", "/token", "/api/orders"]
    execution = action.executions.get()
    assert execution.connection.endswith(" r1")
    assert "revoked-one" not in f"{execution.response} {action.result}"


def test_a_service_that_refuses_every_token_fails_the_action_after_one_more_try(
    approved, authority
):
    action = approved(config={"header": "X-Other"})
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.FAILED, "http_401")
    assert len([1 for asked in authority.asked if asked.path == "/api/orders"]) == 2
    assert orders(authority) == []


def test_archived_after_the_approval_nothing_is_sent(approved, authority):
    action = approved()
    archive(Connection.objects.get())
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.FAILED, "not_sent")
    assert "is archived" in action.reason
    assert authority.asked == []


def test_expired_or_refused_nothing_is_sent_and_the_reason_says_what_to_do(approved, authority):
    action = approved()
    Connection.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.FAILED, "not_sent")
    assert "rotate it" in action.reason
    assert authority.asked == []


def test_a_consent_that_was_withdrawn_fails_it_with_the_services_word(approved, authority):
    action = approved()
    authority.before = [Said(400, {"error": "unauthorized_client"})]
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.FAILED, "not_sent")
    assert "unauthorized_client" in action.reason
    assert orders(authority) == []
    assert Token.objects.get().is_refused


def test_rotated_after_the_approval_it_is_another_credential(approved, authority):
    action = approved()
    rotate(Connection.objects.get(), value=CLIENT_SECRET)
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.DENIED, "connection_changed")
    assert authority.asked == []


def test_a_refresh_in_between_voids_no_approval(here, approved, authority):
    first, second = approved(), here.approved(tool="order", arguments={"note": "again"})
    carried_out(first)
    issued = len(authority.issued)
    aged(Connection.objects.get(), refresh_at=timezone.now())
    assert carried_out(second).status == ActionStatus.SUCCEEDED
    assert len(authority.issued) == issued + 1


def test_a_token_that_comes_later_only_delays_it(approved, authority):
    action = approved()
    authority.before = [Said(503), Said(503)]
    action = carried_out(action)
    assert (action.status, action.code) == (ActionStatus.APPROVED, "no_token")
    assert orders(authority) == []
    aged(Connection.objects.get(), refresh_at=timezone.now())
    Action.objects.update(due_at=timezone.now())
    assert carried_out(action).status == ActionStatus.SUCCEEDED
    assert orders(authority) == [action.public_id]
