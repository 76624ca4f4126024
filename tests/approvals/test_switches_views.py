"""The kill switch on the desk: stopping, letting go on, and the banner that everybody sees."""

import pytest

from approvals.models import KillSwitch
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, KillSwitchFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
PAGE, STOP = "approvals:kill_switch", "approvals:stop"


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def operator(here):
    return signed_in(here.operator)


def test_an_operator_stops_an_agent_and_every_page_says_so(here, operator):
    agent = AgentFactory(environment=here.environment)
    scope = f"agent:{agent.slug}"
    shown = text(operator.get(at(here.environment, PAGE), {"scope": scope}))
    assert "Nothing is stopped." in shown
    assert f'<option value="{scope}" selected>' in shown
    sent = {"scope": scope, "reason": "It turns in <circles>."}
    assert operator.post(at(here.environment, STOP), sent).status_code == 302
    assert KillSwitch.objects.get().scope == scope
    for name in ("approvals:inbox", "runs:list", "tools:list", "webhooks:events"):
        seen = text(signed_in(here.may_not).get(at(here.environment, name)))
        assert f"Stopped: agent {agent.slug}." in seen
        assert "It turns in &lt;circles&gt;." in seen


def test_of_many_stops_the_widest_and_the_newest_are_told_and_the_others_counted(here, operator):
    KillSwitchFactory(environment=here.environment)
    for number in range(5):
        KillSwitchFactory(environment=here.environment, scope=f"tool:tool_{number}")
    seen = text(operator.get(at(here.environment, "runs:list")))
    assert seen.count("Nothing of it begins.") == 3
    assert seen.index("Stopped: the whole environment.") < seen.index("Stopped: tool tool_4.")
    assert "tool_2" not in seen
    assert "3 more are stopped:" in seen


def test_letting_go_on_says_what_will_run_and_asks_why(here, operator):
    KillSwitchFactory(environment=here.environment)
    tool = ToolFactory(environment=here.environment, name="note")
    switch = KillSwitchFactory(environment=here.environment, scope="tool:note")
    ActionFactory(environment=here.environment, tool=tool, status="approved")
    ActionFactory(environment=here.environment, status="approved")
    off = at(here.environment, "approvals:go_on", switch=switch.public_id)
    shown = text(operator.get(off))
    assert '?status=approved&amp;tool=note">1 approved</a>' in shown
    assert operator.post(off, {"reason": ""}).status_code == 422
    assert operator.post(off, {"reason": "Was a test."}).status_code == 302
    switch.refresh_from_db()
    assert (switch.is_on, switch.off_reason) == (False, "Was a test.")
    assert "Nothing to let go on" in text(operator.get(off))
    listed = text(operator.get(at(here.environment, PAGE)))
    assert "Was a test." in listed


def test_of_two_switches_over_one_scope_the_one_that_was_read_is_turned_off(here, operator):
    own = KillSwitchFactory(environment=here.environment, cause="set back", turned_on_by=None)
    newer = KillSwitchFactory(environment=here.environment)
    off = at(here.environment, "approvals:go_on", switch=own.public_id)
    assert operator.post(off, {"reason": "All was compared."}).status_code == 302
    assert list(KillSwitch.objects.on()) == [newer]


@pytest.mark.parametrize("sent", [{"scope": "tool:none", "reason": "x"}, {"scope": "environment"}])
def test_a_form_that_says_nothing_clear_stops_nothing(here, operator, sent):
    assert operator.post(at(here.environment, STOP), sent).status_code == 422
    assert not KillSwitch.objects.exists()


def test_who_does_not_operate_sees_it_and_cannot_use_it(here):
    browser = signed_in(here.may)
    switch = KillSwitchFactory(environment=here.environment)
    shown = text(browser.get(at(here.environment, PAGE)))
    assert "Operators and admins" in shown
    assert "Let it go on" not in shown
    sent = {"scope": "environment", "reason": "x"}
    assert browser.post(at(here.environment, STOP), sent).status_code == 403
    off = at(here.environment, "approvals:go_on", switch=switch.public_id)
    assert browser.post(off, {"reason": "x"}).status_code == 403


def test_an_auditor_is_told_nothing_about_it(here):
    KillSwitchFactory(environment=here.environment)
    assert signed_in(here.auditor).get(at(here.environment, PAGE)).status_code == 403


def test_an_open_action_says_what_stops_it_and_an_ended_one_does_not(here):
    action = ActionFactory(environment=here.environment)
    KillSwitchFactory(environment=here.environment, scope=f"tool:{action.tool_name}")
    address = at(here.environment, "approvals:detail", action=action.public_id)
    assert "Stopped by a kill switch</h2>" in text(signed_in(here.may).get(address))
    type(action).objects.update(status="rejected")
    assert "Stopped by a kill switch</h2>" not in text(signed_in(here.may).get(address))


def test_the_history_leaves_as_a_file_without_formulas(here, operator):
    KillSwitchFactory(environment=here.environment, reason="=1+1")
    file = text(operator.get(at(here.environment, PAGE), {"format": "csv"}))
    assert "'=1+1" in file
