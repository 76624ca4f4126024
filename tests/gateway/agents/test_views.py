"""Agents on the desk: the page, the form, the switch."""

import re

import pytest

from audit.models import AuditRecord
from gateway.agents.models import Agent
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.tenants import ApiKeyFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def agent(here):
    return AgentFactory(
        environment=here.environment, owner=here.member(here.owner), caps={"max_tool_calls": 20},
        tools=[{"name": "refund", "scope": "args.amount < 10"}, {"name": "gone"}],
    )  # fmt: skip


@pytest.fixture
def admin(here):
    return signed_in(here.admin)


def page(here, agent, name="agents:detail"):
    return at(here.environment, name, agent=agent.public_id)


def filled(answer, **changes):
    """What a browser would post of the form that it was shown, with some fields changed."""
    form = answer.context["form"]
    sent = {field.html_name: field.value() for field in form}
    sent = {name: value for name, value in sent.items() if value is not False}
    return {name: value for name, value in (sent | changes).items() if value is not None}


def test_the_page_says_what_it_may_and_what_was_refused(here, agent, admin):
    ToolFactory(environment=here.environment, name="refund")
    ApiKeyFactory(
        environment=here.environment, member=None, agent_id=agent.pk, name="robot",
        scopes=["approvals.propose_action"],
    )  # fmt: skip
    for code in ("not_permitted", "not_permitted", "invalid"):
        ActionFactory(environment=here.environment, agent=agent, status="invalid", code=code)
    ActionFactory(environment=here.elsewhere, status="invalid", code="not_permitted")
    RunFactory(environment=here.environment, agent=agent)
    shown = text(admin.get(page(here, agent)))
    for words in ("args.amount &lt; 10", "no such tool", "at most 20 tool calls in a run",
                  "approvals.propose_action", "never approves"):  # fmt: skip
        assert words in shown
    link = re.search(r'href="([^"]*code=not_permitted)">(\d+)</a>', shown)
    assert link[2] == "2"
    listed = text(admin.get(link[1].replace("&amp;", "&")))
    assert "1–2 of 2" in listed


@pytest.mark.parametrize(
    ("kind", "said"),
    [("production", "made one never approves"), ("sandbox", "made one may approve")],
)
def test_the_page_says_who_made_each_key_and_what_that_means(kind, said):
    here = people.ready(kind=kind)
    agent = AgentFactory(environment=here.environment)
    for who in (here.admin, None):
        ApiKeyFactory(environment=here.environment, member=None, agent_id=agent.pk, made_by=who)
    shown = text(signed_in(here.admin).get(page(here, agent)))
    table = shown.split('id="ky"')[1]
    assert said in table
    assert str(here.admin) in table
    assert "not recorded" in table


def test_the_form_changes_what_was_changed_and_nothing_else(here, agent, admin):
    ToolFactory(environment=here.environment, name="note")
    provider = ProviderFactory(environment=here.environment)
    form = admin.get(page(here, agent, "agents:edit"))
    sent = filled(form, **{
        "may:note": "on", "scope:note": "args.note != ''", "may:gone": None,
        "provider": provider.public_id, "max_steps": "5",
    })  # fmt: skip
    assert admin.post(page(here, agent, "agents:edit"), sent).status_code == 302
    agent.refresh_from_db()
    assert agent.tools == [
        {"name": "note", "scope": "args.note != ''"},
        {"name": "refund", "scope": "args.amount < 10"},
    ]
    assert agent.caps == {"max_tool_calls": 20, "max_steps": 5}
    assert (agent.provider, agent.owner, agent.version) == (provider, here.member(here.owner), 2)
    record = AuditRecord.objects.get(action="agents.agent.changed")
    assert set(record.body_json["changes"]) == {"tools", "caps", "provider"}


def test_the_fault_of_a_scope_stands_under_its_field(here, agent, admin):
    ToolFactory(environment=here.environment, name="refund")
    form = admin.get(page(here, agent, "agents:edit"))
    sent = filled(form, **{"scope:refund": "args.amount <"})
    answer = admin.post(page(here, agent, "agents:edit"), sent)
    assert answer.status_code == 422
    fault = text(answer).split('id="id_scope:refund_error">')[1].split("</pre>")[0]
    assert fault.rstrip().endswith("^")
    agent.refresh_from_db()
    assert agent.version == 1


def test_a_change_meanwhile_is_said_and_not_overwritten(here, agent, admin):
    form = admin.get(page(here, agent, "agents:edit"))
    first, second = filled(form, name="First"), filled(form, name="Second")
    assert admin.post(page(here, agent, "agents:edit"), first).status_code == 302
    answer = admin.post(page(here, agent, "agents:edit"), second)
    assert answer.status_code == 409
    assert "changed meanwhile" in text(answer)
    agent.refresh_from_db()
    assert agent.name == "First"


def test_an_agent_is_added_by_the_same_form(here, admin):
    address = at(here.environment, "agents:new")
    form = admin.get(address)
    assert admin.post(address, filled(form, name="Helper")).status_code == 422
    done = admin.post(address, filled(form, name="Helper", slug="helper"))
    assert done.status_code == 302
    assert Agent.objects.get(slug="helper").tools == [{"name": "*"}]
    again = admin.post(address, filled(form, name="Helper", slug="helper"))
    assert (again.status_code, Agent.objects.count()) == (422, 1)


def test_the_switch_asks_again(here, agent, admin):
    address = page(here, agent, "agents:switch")
    assert "Switch off" in text(admin.get(address))
    assert Agent.objects.get().is_enabled
    admin.post(address, {"on": "no"})
    assert not Agent.objects.get().is_enabled
    assert "This agent is off" in text(admin.get(page(here, agent)))
    admin.post(address, {"on": "yes"})
    assert Agent.objects.get().is_enabled


@pytest.mark.parametrize("name", ["agents:edit", "agents:switch"])
def test_only_an_admin_changes_an_agent(here, agent, name):
    for user in (here.operator, here.may, here.may_not):
        browser = signed_in(user)
        assert browser.post(page(here, agent, name), {"on": "no"}).status_code == 403
        assert "Edit</a>" not in text(browser.get(page(here, agent)))
    assert Agent.objects.get().is_enabled


def test_a_member_or_provider_of_elsewhere_cannot_be_chosen(here, agent, admin):
    foreign = ProviderFactory(environment=here.elsewhere)
    form = admin.get(page(here, agent, "agents:edit"))
    for field, value in (
        ("provider", foreign.public_id), ("owner", here.stranger.memberships.get().public_id),
    ):  # fmt: skip
        sent = filled(form, **{field: value})
        assert admin.post(page(here, agent, "agents:edit"), sent).status_code == 422
