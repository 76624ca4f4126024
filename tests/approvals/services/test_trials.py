"""Versions on trial: watched, for some agents, for a share of runs, for all."""

import pytest

from approvals import executor
from approvals.models import Action, Policy, ShadowVerdict
from approvals.services import (
    Rollout,
    promote,
    propose,
    save_policy,
    try_version,
    widen,
    withdraw,
)
from approvals.services.wishes import RunContext
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib import ids
from gateway.lib.errors import Conflict, Refused
from gateway.tenants.principals import Principal
from tests import people
from tests.factories.agents import AgentFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
FREE = [{"name": "free", "when": "true", "verdict": "allow"}]
DENY = [{"name": "none", "when": "true", "verdict": "deny"}]
AGENTS = Policy.Stage.AGENTS
PERCENT = Policy.Stage.PERCENT


@pytest.fixture
def place():
    here = people.ready().environment
    ToolFactory(environment=here, name="note")
    save_policy(here, name="main", rules=FREE, comment="to begin with")
    return here


@pytest.fixture
def agent(place):
    return AgentFactory(environment=place, slug="first")


def ask(agent, run=None):
    by = Principal("agent", agent.public_id, agent.slug, agent.environment)
    return propose(
        environment=agent.environment, agent=agent, tool_name="note",
        arguments={"note": "hello"}, requester=by, run=run,
    )  # fmt: skip


def trial(place, rules=DENY, **rollout):
    return try_version(
        place, name="main", rules=rules, comment="try it", rollout=Rollout(**rollout)
    )


def test_a_watched_version_is_recorded_and_not_applied(place, agent):
    trial(place)
    action = ask(agent)
    assert (action.status, action.rule) == (ActionStatus.APPROVED, "free")
    seen = ShadowVerdict.objects.get(action=action)
    assert (seen.change, seen.verdict, seen.rule) == ("newly_denied", "deny", "none")
    assert (seen.applied_verdict, seen.applied_rule) == ("allow", "free")
    assert seen.version.number == 2
    assert seen.disagrees


def test_where_both_agree_that_is_recorded_too(place, agent):
    trial(place, [{**FREE[0], "reason": "other words"}])
    assert not ShadowVerdict.objects.get(action=ask(agent)).disagrees


def test_without_a_watched_version_nothing_is_written_beside_the_action(place, agent):
    ask(agent)
    trial(place, stage=AGENTS, agents=("first",))
    ask(agent)
    assert not ShadowVerdict.objects.exists()


def test_a_version_for_named_agents_counts_for_these_alone(place, agent):
    trial(place, stage=AGENTS, agents=("first",))
    other = AgentFactory(environment=place, slug="second")
    mine, theirs = ask(agent), ask(other)
    assert (mine.status, theirs.status) == (ActionStatus.DENIED, ActionStatus.APPROVED)
    assert mine.policy_hash != theirs.policy_hash
    assert (mine.trace[0]["version"], theirs.trace[0]["version"]) == (2, 1)


def test_a_share_of_runs_is_chosen_by_the_run_and_grows_without_letting_go(place, agent):
    runs = [RunContext(ids.new_id(), {}) for _ in range(40)]
    trial(place, stage=PERCENT, percent=30)
    policy = Policy.objects.get()
    chosen = {run.id for run in runs if ask(agent, run).status == ActionStatus.DENIED}
    again = {run.id for run in runs if ask(agent, run).status == ActionStatus.DENIED}
    assert chosen == again
    assert 0 < len(chosen) < 40
    widen(policy, rollout=Rollout(PERCENT, percent=70))
    assert chosen < {run.id for run in runs if ask(agent, run).status == ActionStatus.DENIED}


def test_the_claim_asks_the_same_version_as_the_proposal(place, agent):
    action = ask(agent)
    trial(place, stage=AGENTS, agents=("first",))
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.code) == (ActionStatus.DENIED, "denied")
    # The version on trial counts for the first agent only: another one's action runs.
    other = ask(AgentFactory(environment=place, slug="second"))
    executor.execute(str(other.pk))
    other.refresh_from_db()
    assert other.status == ActionStatus.SUCCEEDED


def test_a_promoted_version_counts_for_all_under_its_own_number(place, agent):
    policy = promote(trial(place))
    assert (policy.version, policy.rules, policy.trial) == (2, DENY, None)
    assert ask(agent).status == ActionStatus.DENIED
    assert AuditRecord.objects.filter(action="approvals.policy.promoted").count() == 1
    with pytest.raises(Conflict, match="on trial"):
        promote(policy)


def test_a_withdrawn_version_counts_for_nobody_and_stays_among_the_versions(place, agent):
    policy = withdraw(trial(place, stage=PERCENT, percent=100))
    assert ask(agent).status == ActionStatus.APPROVED
    assert (policy.version, policy.versions.count()) == (1, 2)
    record = AuditRecord.objects.get(action="approvals.policy.trial_ended").body_json
    assert record["changes"]["trial"] == [2, None]


def test_a_new_policy_may_begin_on_trial_with_nothing_in_force(place, agent):
    policy = try_version(place, name="fresh", rules=DENY, comment="watch", rollout=Rollout())
    assert (policy.version, policy.rules) == (0, [])
    # The first policy's rule comes first; asked before it, the new one would have denied.
    assert ShadowVerdict.objects.filter(action=ask(agent)).get().change == "same"


def test_a_policy_that_is_off_is_watched_but_never_in_force(place, agent):
    from approvals.services import change_policy

    policy = change_policy(Policy.objects.get(), enabled=False, comment="off")
    trial(place, stage=AGENTS, agents=("first",))
    assert ask(agent).status == ActionStatus.PENDING
    widen(policy, rollout=Rollout())
    assert ShadowVerdict.objects.get(action=ask(agent)).change == "newly_denied"


@pytest.mark.parametrize(
    "rollout",
    [
        {"stage": "all"},
        {"stage": AGENTS},
        {"stage": AGENTS, "agents": ("nobody",)},
        {"stage": PERCENT, "percent": 0},
        {"stage": PERCENT, "percent": 101},
    ],
)
def test_a_rollout_for_nobody_is_refused_and_leaves_no_version(place, rollout):
    with pytest.raises(Refused):
        trial(place, **rollout)
    assert Policy.objects.get().versions.count() == 1


def test_an_agent_of_elsewhere_is_unknown(place):
    foreign = AgentFactory(slug="foreign")
    with pytest.raises(Refused, match="no agent"):
        trial(place, stage=AGENTS, agents=(foreign.public_id,))


def test_the_shadow_of_an_action_is_stored_with_it_or_not_at_all(place, agent, monkeypatch):
    trial(place)
    monkeypatch.setattr(
        "approvals.services.proposing.trail.record_both",
        lambda *a, **k: (_ for _ in ()).throw(OSError),
    )
    with pytest.raises(OSError):
        ask(agent)
    assert not Action.objects.exists()
    assert not ShadowVerdict.objects.exists()
