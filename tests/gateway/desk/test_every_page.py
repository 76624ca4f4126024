"""Every page meets who may, who may not, a stranger and nobody."""

import re

import pytest
from django.test import Client

from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import (
    ActionFactory,
    BreakGlassFactory,
    GrantFactory,
    KillSwitchFactory,
    PolicyFactory,
)
from tests.factories.audit import AuditRecordFactory
from tests.factories.budgets import BudgetFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, SourceFactory

pytestmark = pytest.mark.django_db
LISTS = (
    "approvals:inbox",
    "approvals:list",
    "approvals:policies",
    "approvals:kill_switch",
    "approvals:grants",
    "runs:list",
    "webhooks:events",
    "webhooks:sources",
    "agents:list",
    "tools:list",
    "tenants:members",
    "budgets:list",
    "connections:list",
    "board:attention",
    "board:dashboard",
)
DETAILS = {
    "approvals:detail": "action", "runs:detail": "run", "webhooks:event": "event",
    "agents:detail": "agent", "tools:detail": "tool", "approvals:policy": "policy",
    "budgets:detail": "budget", "connections:detail": "connection",
}  # fmt: skip
# Pages of those who configure, with the kind of row that each is about.
CONFIGURED = {
    "approvals:reviewers": "", "approvals:delegations": "", "approvals:emergencies": "",
    "approvals:simulate": "", "approvals:new_policy": "", "approvals:edit_policy": "policy",
    "approvals:shadow": "policy", "approvals:grant": "action", "approvals:revoke_grant": "grant",
    "approvals:go_on": "switch", "approvals:review_break_glass": "emergency",
    "approvals:break_glass": "action", "tenants:environment": "", "tenants:invite": "",
    "tools:import": "", "agents:new": "", "agents:edit": "agent", "budgets:new": "",
    "budgets:change": "budget", "tools:choose": "", "tools:edit": "tool",
    "connections:new": "", "connections:edit": "connection", "connections:rotate": "connection",
    "connections:archive": "connection",
    "audit:records": "", "audit:record": "record",
}  # fmt: skip


@pytest.fixture
def met():
    return people.ready()


def rows_of(environment):
    """One row for every detail page, in this environment."""
    action = ActionFactory(environment=environment)
    policy = PolicyFactory(environment=environment)
    source = SourceFactory(environment=environment)
    return {
        "action": action.public_id,
        "run": RunFactory(environment=environment).public_id,
        "event": EventFactory(source=source).public_id,
        "agent": AgentFactory(environment=environment).public_id,
        "budget": BudgetFactory(environment=environment).public_id,
        "tool": ToolFactory(environment=environment).public_id,
        "source": source.slug,
        "policy": policy.public_id,
        "connection": ConnectionFactory(environment=environment).public_id,
        "grant": GrantFactory(derived_from=action).public_id,
        "switch": KillSwitchFactory(environment=environment, scope="tool:x").public_id,
        "emergency": BreakGlassFactory(action=action).public_id,
        "record": str(AuditRecordFactory(scope=environment.audit_scope).pk),
    }


@pytest.mark.parametrize("name", LISTS)
def test_a_list_opens_for_a_viewer_with_and_without_rows(name, met):
    browser = signed_in(met.may_not)
    assert browser.get(at(met.environment, name)).status_code == 200
    rows_of(met.environment)
    assert browser.get(at(met.environment, name)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_forbidden_to_an_auditor_who_reads_nothing_but_the_audit_log(name, met):
    answer = signed_in(met.auditor).get(at(met.environment, name))
    assert answer.status_code == 403
    assert "Not allowed" in text(answer)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_not_there_for_a_stranger(name, met):
    assert signed_in(met.stranger).get(at(met.environment, name)).status_code == 404


@pytest.mark.parametrize("name", LISTS)
def test_a_list_sends_whoever_is_not_signed_in_to_the_sign_in(name, met):
    answer = Client().get(at(met.environment, name))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", DETAILS)
def test_a_page_opens_in_its_own_environment_only(name, met):
    part = DETAILS[name]
    ours, theirs = rows_of(met.environment), rows_of(met.elsewhere)
    browser = signed_in(met.admin)
    assert browser.get(at(met.environment, name, **{part: ours[part]})).status_code == 200
    assert browser.get(at(met.environment, name, **{part: theirs[part]})).status_code == 404
    assert browser.get(at(met.environment, name, **{part: "act_nonsense"})).status_code == 404


@pytest.mark.parametrize("name", DETAILS)
def test_a_page_is_not_there_for_a_stranger(name, met):
    part = DETAILS[name]
    ours = rows_of(met.environment)
    answer = signed_in(met.stranger).get(at(met.environment, name, **{part: ours[part]}))
    assert answer.status_code == 404


@pytest.mark.parametrize("name", CONFIGURED)
def test_a_page_of_those_who_configure_opens_for_an_admin_and_is_not_there_for_a_stranger(
    name, met
):
    part = CONFIGURED[name]
    ours, theirs = rows_of(met.environment), rows_of(met.elsewhere)
    address = at(met.environment, name, **({part: ours[part]} if part else {}))
    answer = signed_in(met.admin).get(address)
    assert answer.status_code == 200
    assert not re.search(r"\sstyle=|<style|<script(?![^>]*src=)|\son\w+=", text(answer))
    assert signed_in(met.stranger).get(address).status_code == 404
    assert Client().get(address)["Location"].startswith("/accounts/login/")
    if part:
        foreign = at(met.environment, name, **{part: theirs[part]})
        assert signed_in(met.admin).get(foreign).status_code == 404


def test_a_source_opens_by_its_slug_and_shows_no_secret(met):
    source = rows_of(met.environment)["source"]
    answer = signed_in(met.may_not).get(at(met.environment, "webhooks:source", source=source))
    assert answer.status_code == 200
    assert "/webhooks/in_" in text(answer)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_can_be_exported_and_the_export_is_recorded(name, met):
    from audit.models import AuditRecord

    rows_of(met.environment)
    answer = signed_in(met.admin).get(at(met.environment, name), {"format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    assert AuditRecord.objects.filter(action="audit.records.exported").count() == 1


@pytest.mark.parametrize("name", LISTS)
def test_nonsense_in_the_query_does_not_break_a_list(name, met):
    nonsense = {"status": "no", "risk": "x", "page": "999", "days": "x", "run": "r", "q": "\x00"}
    assert signed_in(met.admin).get(at(met.environment, name), nonsense).status_code == 200


def test_every_page_carries_the_strict_policy_and_nothing_inline(met):
    rows = rows_of(met.environment)
    browser = signed_in(met.admin)
    addresses = [at(met.environment, name) for name in LISTS]
    addresses += [at(met.environment, n, **{p: rows[p]}) for n, p in DETAILS.items()]
    for address in addresses:
        answer = browser.get(address)
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy, address
        assert not re.search(r"\sstyle=|<style|<script(?![^>]*src=)|\son\w+=", text(answer)), (
            address
        )


def test_the_side_bar_names_only_pages_that_the_person_may_open(met):
    shown = text(signed_in(met.may_not).get(at(met.environment, "approvals:inbox")))
    assert "Audit</a>" not in shown
    assert "Audit</a>" in text(signed_in(met.admin).get(at(met.environment, "approvals:inbox")))


def test_the_front_door_leads_to_the_inbox(met):
    answer = signed_in(met.may).get("/")
    assert answer["Location"] == at(met.environment, "approvals:inbox")


def test_the_front_door_leads_an_auditor_to_the_audit_log(met):
    assert signed_in(met.auditor).get("/")["Location"] == at(met.environment, "audit:records")


def test_the_front_door_tells_a_person_without_a_role_so(met):
    from tests.factories.tenants import UserFactory

    answer = signed_in(UserFactory()).get("/")
    assert answer.status_code == 403
    assert "No role yet" in text(answer)


@pytest.mark.parametrize("address", ["/nowhere/", "/api/nowhere/x/inbox/", "/a/b/c/d/"])
def test_an_unknown_address_is_404(address, met):
    assert signed_in(met.admin).get(address).status_code == 404
