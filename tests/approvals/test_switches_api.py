"""The kill switch by API."""

import pytest

from approvals.models import KillSwitch
from tests import people
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, KillSwitchFactory

pytestmark = pytest.mark.django_db
STOP = {"scope": "environment", "on": True, "reason": "Looks wrong."}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def operator(here):
    return key_of(here, here.operator)


def test_an_operator_stops_and_lets_go_on(here, operator):
    on = operator.post("kill-switch", STOP)
    assert on.status_code == 200, on.content
    assert (on.json()["on"], on.json()["turned_on_by"]) == (True, here.operator.public_id)
    assert operator.get("kill-switch", {"on": "true"}).json()["items"] == [on.json()]
    off = operator.post("kill-switch", STOP | {"on": False, "reason": "Was a test."}).json()
    assert (off["id"], off["on"], off["off_reason"]) == (on.json()["id"], False, "Was a test.")
    assert operator.get("kill-switch", {"on": "true"}).json()["items"] == []
    assert operator.get("kill-switch/environment").json() == off


def test_letting_go_on_what_is_not_stopped_is_a_conflict(operator):
    answer = operator.post("kill-switch", STOP | {"on": False})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_stopped")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"scope": "agent:none"}, "unknown_agent"), ({"scope": "all"}, "unknown_scope"),
     ({"reason": ""}, "invalid"), ({"on": "perhaps"}, "invalid"), ({"more": 1}, "invalid")],
)  # fmt: skip
def test_a_body_that_says_nothing_clear_stops_nothing(operator, change, code):
    answer = operator.post("kill-switch", STOP | change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not KillSwitch.objects.exists()
    assert operator.get("kill-switch", {"on": "perhaps"}).status_code == 422


@pytest.mark.parametrize("name", ["may", "may_not", "auditor"])
def test_others_do_not_stop(here, name):
    assert key_of(here, getattr(here, name)).post("kill-switch", STOP).status_code == 403


def test_a_machine_does_not_stop(here):
    machine = key_for(AgentFactory(environment=here.environment))
    assert machine.post("kill-switch", STOP).status_code == 403


def test_an_agent_of_elsewhere_does_not_exist_here(here, operator):
    foreign = AgentFactory(environment=here.elsewhere)
    answer = operator.post("kill-switch", STOP | {"scope": f"agent:{foreign.public_id}"})
    assert answer.json()["code"] == "unknown_agent"


def test_an_action_says_what_stops_it(here, operator):
    action = ActionFactory(environment=here.environment)
    assert operator.get(f"actions/{action.public_id}").json()["stopped_by"] == []
    KillSwitchFactory(environment=here.environment, scope=f"tool:{action.tool_name}")
    KillSwitchFactory(environment=here.environment, scope="tool:other")
    shown = operator.get(f"actions/{action.public_id}").json()
    assert shown["stopped_by"] == [f"tool:{action.tool_name}"]
