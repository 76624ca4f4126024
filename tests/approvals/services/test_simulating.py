"""Simulating drafts against past actions and invented calls: only a record is written."""

import pytest
from django.apps import apps

from approvals.models import Action
from approvals.policy.comparing import Change
from approvals.services import propose, save_policy
from approvals.services.simulating import Draft, replay, simulate_action, simulate_call
from audit.models import AuditRecord
from gateway.lib.errors import Refused
from gateway.tenants.principals import Principal
from tests import people
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db


def rule(verdict, when="true", name="rule", **more):
    return {"name": name, "when": when, "verdict": verdict, **more}


LONG = "size(args.note) > 5"
IN_FORCE = [rule("require_approval", LONG, "long"), rule("allow", name="short")]


@pytest.fixture
def agent():
    place = people.ready().environment
    ToolFactory(environment=place, name="note")
    save_policy(place, name="main", rules=IN_FORCE, comment="to begin with")
    return AgentFactory(environment=place)


def ask(agent, note="hello", tool="note"):
    return propose(
        environment=agent.environment, agent=agent, tool_name=tool, arguments={"note": note},
        requester=Principal("agent", agent.public_id, agent.slug, agent.environment),
    )  # fmt: skip


def draft(agent, *rules):
    from approvals.models import Policy

    return Draft(list(rules), Policy.objects.get(environment=agent.environment, name="main"))


def test_the_last_days_are_counted_by_what_would_change(agent):
    for note in ("a", "b", "a longer one", "forbidden", "another long one"):
        ask(agent, note)
    found = replay(
        agent.environment, days=7,
        draft=draft(
            agent,
            rule("deny", 'args.note == "forbidden"', "no"),
            rule("require_approval", 'args.note == "a"', "a waits"),
            rule("require_approval", 'args.note == "another long one"', "two", quorum=2),
            rule("allow", name="rest"),
        ),
    )  # fmt: skip
    assert found.examined == 5
    assert found.counts == {
        Change.SAME: 1, Change.RUNS: 1, Change.WAITS: 1, Change.DENIED: 1, Change.TERMS: 1
    }  # fmt: skip
    assert (found.changed, found.note, found.uncertain) == (4, "", 0)
    [runs] = found.listed[Change.RUNS]
    assert runs.action.effect == "Write the note a longer one"
    assert (runs.before.rule_name, runs.after.rule_name) == ("long", "rest")


def test_nothing_is_written_but_the_record_of_it(agent):
    ask(agent)

    def rows():
        models = [m for m in apps.get_models() if m._meta.app_label != "audit"]
        return {m._meta.db_table: list(m._base_manager.values()) for m in models}

    before, records = rows(), AuditRecord.objects.count()
    replay(agent.environment, days=1, draft=draft(agent, rule("deny")))
    simulate_call(agent.environment, agent=agent, tool="note", arguments={"note": "x"})
    simulate_action(Action.objects.get())
    assert rows() == before
    assert AuditRecord.objects.count() == records + 3
    newest = AuditRecord.objects.filter(action="approvals.policy.simulated").first()
    assert newest.body_json["meta"]["newly_denied"] == 1


def test_a_limit_leaves_the_oldest_out_and_says_so(agent):
    old, new = ask(agent, "old"), ask(agent, "new")
    found = replay(agent.environment, days=1, draft=draft(agent, rule("deny")), limit=1)
    assert [one.action for one in found.listed[Change.DENIED]] == [new]
    assert old != new
    assert "newest 1 " in found.note


def test_it_stops_when_the_time_is_over_and_says_so(agent, monkeypatch):
    monkeypatch.setattr("approvals.services.simulating.CHUNK", 1)
    ask(agent), ask(agent)
    found = replay(agent.environment, days=1, draft=draft(agent, rule("deny")), seconds=-1)
    assert (found.examined, "Stopped" in found.note) == (1, True)


def test_actions_of_elsewhere_and_of_before_are_not_looked_at(agent):
    ask(agent)
    ActionFactory(facts={"args": {}})
    found = replay(agent.environment, days=1, draft=draft(agent, rule("deny")))
    assert found.examined == 1


def test_a_call_that_no_rule_was_asked_about_is_counted_apart(agent):
    ask(agent, tool="unknown")
    found = replay(agent.environment, days=1, draft=draft(agent, rule("deny")))
    assert (found.examined, found.without_facts) == (0, 1)


def test_a_masked_value_that_mattered_makes_the_result_uncertain(agent):
    ToolFactory(environment=agent.environment, name="secret", current__sensitive=["/note"])
    ask(agent, "4111", tool="secret")
    hidden = draft(agent, rule("deny", 'args.note.startsWith("4")'), rule("allow", name="rest"))
    found = replay(agent.environment, days=1, draft=hidden)
    assert found.uncertain == 1
    one = simulate_action(Action.objects.get(tool_name="secret"), hidden)
    # The value is not asked, not even to be exact.
    assert (one.said.verdict, one.uncertain) == ("allow", ("/args/note",))


def test_a_new_policy_is_put_where_its_position_says(agent):
    ask(agent)
    late = replay(agent.environment, days=1, draft=Draft([rule("deny")], position=500))
    early = replay(agent.environment, days=1, draft=Draft([rule("deny")], position=1))
    assert (late.changed, early.counts[Change.DENIED]) == (0, 1)


def test_a_call_goes_through_every_check(agent):
    place = agent.environment
    fine = simulate_call(place, agent=agent, tool="note", arguments={"note": "hi"})
    assert (fine.verdict.status, fine.said.rule_name) == ("approved", "short")
    wrong = simulate_call(place, agent=agent, tool="note", arguments={"note": 5})
    assert (wrong.verdict.status, wrong.findings[0].source) == ("invalid", "schema")
    unknown = simulate_call(place, agent=agent, tool="nothing", arguments={})
    assert (unknown.verdict.status, unknown.verdict.code) == ("invalid", "not_permitted")
    assert not Action.objects.exists()


def test_a_call_is_judged_at_the_named_time(agent):
    from datetime import UTC, datetime

    night = datetime(2026, 1, 14, 2, tzinfo=UTC)
    found = simulate_call(
        agent.environment, agent=agent, tool="note", arguments={"note": "hi"}, now=night,
        draft=draft(agent, rule("deny", "time.hour == 2")),
    )  # fmt: skip
    assert (found.verdict.status, found.change) == ("denied", Change.DENIED)


def test_a_draft_that_does_not_compile_is_refused(agent):
    with pytest.raises(Refused, match="rule, when"):
        replay(agent.environment, days=1, draft=draft(agent, rule("deny", "args.(")))
    with pytest.raises(Refused, match="days"):
        replay(agent.environment, days=0, draft=None)
