"""The desk's pages of policies: looked at by viewers, changed by admins, simulated before saved."""

import pytest

from approvals.models import Policy
from approvals.services import Rollout, save_policy, try_version
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, ShadowVerdictFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
WAIT = {"name": "all wait", "when": "true", "verdict": "require_approval"}
DENY = {"name": "none", "when": "args.amount > 5", "verdict": "deny"}
FIELDS = {"name": "all wait", "when": "true", "verdict": "require_approval"}


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def policy(met):
    return save_policy(met.environment, name="Main", rules=[WAIT], comment="to begin with")


@pytest.fixture
def admin(met):
    return signed_in(met.admin)


def url(policy, name="policy", **more):
    return at(policy.environment, f"approvals:{name}", policy=policy.public_id, **more)


def draft(*rules, mark="1/1", **more):
    data = {"rows": len(rules), "name": "Main", "mark": mark, "stage": "all", "do": "preview"}
    for place, rule in enumerate(rules):
        data |= {f"r{place}-{name}": value for name, value in rule.items()}
    return data | more


def seen_in(answer):
    return text(answer).partition('name="seen" value="')[2].partition('"')[0]


def test_the_list_shows_the_rules_in_words_and_what_differs_on_trial(met, policy, admin):
    ShadowVerdictFactory(
        action__environment=met.environment,
        version=try_version(
            met.environment, name="Main", rules=[DENY], comment="x", rollout=Rollout()
        ).trial,
    )
    shown = text(admin.get(at(met.environment, "approvals:policies")))
    assert "1 of any reviewer" in shown
    assert "1 action would differ under version 2" in shown


def test_the_page_shows_versions_tests_warnings_and_the_trial(met, policy, admin):
    tests = "- {name: waits, tool: x, expect: {verdict: require_approval}}"
    save_policy(met.environment, name="Main", rules=[WAIT, DENY], comment="more", tests=tests)
    try_version(
        met.environment, name="Main", rules=[DENY], comment="x", rollout=Rollout(), tests=""
    )
    shown = text(admin.get(url(policy)))
    for words in ("Version 3", "“all wait” before it takes everything", "watched only", ">waits<"):
        assert words in shown, words


def test_a_viewer_sees_the_pages_and_no_button(met, policy):
    browser = signed_in(met.may_not)
    for address in (url(policy), url(policy, "shadow"), url(policy, "policy_version", number=1)):
        shown = text(browser.get(address))
        assert "Restore" not in shown
        assert "/edit/" not in shown
    assert browser.get(url(policy, "edit_policy")).status_code == 403
    for name in ("move_policy", "switch_policy", "rollout"):
        assert browser.post(url(policy, name)).status_code == 403
    assert browser.post(url(policy, "restore_policy", number=1)).status_code == 403


def test_the_last_days_are_shown_before_the_draft_can_be_saved(met, policy, admin):
    action = ActionFactory(environment=met.environment, facts={"args": {"amount": 9}, "tool": {}})
    rules = ({"name": "none", "when": "args.amount > 5", "verdict": "deny"}, FIELDS)
    first = admin.post(url(policy, "edit_policy"), draft(*rules, do="save", comment="why"))
    assert "1 would newly be denied" in text(first)
    assert action.public_id in text(first)
    policy.refresh_from_db()
    assert policy.version == 1
    second = admin.post(
        url(policy, "edit_policy"),
        draft(*rules, do="save", comment="too much", seen=seen_in(first)),
    )
    assert second.status_code == 302
    policy.refresh_from_db()
    assert (policy.version, policy.comment, len(policy.rules)) == (2, "too much", 2)
    assert policy.rules[0] == DENY


def test_a_draft_that_was_changed_after_the_simulation_is_simulated_again(policy, admin):
    first = admin.post(url(policy, "edit_policy"), draft(FIELDS))
    other = {**FIELDS, "when": "false"}
    answer = admin.post(
        url(policy, "edit_policy"), draft(other, do="save", comment="x", seen=seen_in(first))
    )
    assert "No verdict would change" in text(answer)
    policy.refresh_from_db()
    assert policy.version == 1


def test_a_version_may_be_saved_on_trial(met, policy, admin):
    AgentFactory(environment=met.environment, slug="first")
    more = {"stage": "agents", "agents": "first", "comment": "try"}
    first = admin.post(url(policy, "edit_policy"), draft(FIELDS, **more))
    admin.post(url(policy, "edit_policy"), draft(FIELDS, do="save", seen=seen_in(first), **more))
    policy.refresh_from_db()
    assert (policy.version, policy.trial.number, policy.trial_stage) == (1, 2, "agents")
    assert "It counts for first" in text(admin.get(url(policy)))


def test_a_fault_stands_at_its_field_with_the_caret(policy, admin):
    bad = {**FIELDS, "when": "args.(", "name": "bad"}
    answer = admin.post(url(policy, "edit_policy"), draft(FIELDS, bad))
    assert answer.status_code == 422
    shown = text(answer)
    assert "args.(\n     ^" in shown
    assert 'id="id_r1-when_error"' in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"r0-quorum": "99"}, "whole number from 1"),
        ({"r0-reviewers": "boss"}, "role:name"),
        ({"r0-more": "{"}, "cs-errors"),
        ({"r0-more": '{"quorum": 2}'}, "has a field above"),
        ({"r0-more": '{"color": 2}'}, "no such field"),
        ({"tests": "cases: ["}, "line 1"),
        ({"r0-verdict": "maybe"}, "valid choice"),
        ({"tests": "- {name: t, tool: x, expect: {verdict: deny}}", "do": "save"}, "t: verdict is"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(policy, admin, change, words):
    answer = admin.post(url(policy, "edit_policy"), draft(FIELDS, **change))
    assert words in text(answer)
    policy.refresh_from_db()
    assert policy.version == 1


def test_saving_needs_a_reason_and_passing_tests(policy, admin):
    first = admin.post(url(policy, "edit_policy"), draft(FIELDS))
    answer = admin.post(url(policy, "edit_policy"), draft(FIELDS, do="save", seen=seen_in(first)))
    assert answer.status_code == 422
    assert "why the policy changes" in text(answer)


def test_an_editor_that_was_opened_on_an_older_version_is_told(met, policy, admin):
    save_policy(met.environment, name="Main", rules=[DENY], comment="meanwhile")
    answer = admin.post(url(policy, "edit_policy"), draft(FIELDS, do="save", comment="x"))
    assert answer.status_code == 409
    assert "was changed since you opened" in text(answer)


def test_rules_move_come_and_go_before_anything_is_saved(policy, admin):
    other = {**FIELDS, "name": "other"}

    def names(**more):
        shown = text(admin.post(url(policy, "edit_policy"), draft(FIELDS, other, **more)))
        return [part.partition('"')[0] for part in shown.split('-name" value="')[1:]]

    assert names(do="up-1") == ["other", "all wait"]
    assert names(do="down-0") == ["other", "all wait"]
    assert names(do="remove-0") == ["other"]
    assert names(do="add")[:2] == ["all wait", "other"]
    assert names(do="use", template="outside-hours")[0] == "outside working hours"
    policy.refresh_from_db()
    assert policy.rules == [WAIT]


def test_a_ready_made_rule_brings_its_cases_along(policy, admin):
    data = draft(FIELDS, do="use", template="amount-above")
    shown = text(admin.post(url(policy, "edit_policy"), data, headers=HTMX))
    assert "two agree above the limit" in shown
    assert "<html" not in shown


def test_fields_that_the_form_does_not_know_are_kept(met, admin):
    rule = {**WAIT, "alternatives": [{"reviewers": ["role:admin"], "quorum": 1}]}
    policy = save_policy(met.environment, name="Main", rules=[rule], comment="x")
    shown = text(admin.get(url(policy, "edit_policy")))
    assert "alternatives" in shown
    assert "role:admin" in shown


def test_a_new_policy_is_made_and_a_taken_name_is_refused(met, admin):
    address = at(met.environment, "approvals:new_policy")
    first = admin.post(address, draft(FIELDS, mark="new", comment="first"))
    body = draft(FIELDS, mark="new", comment="first", do="save", seen=seen_in(first))
    assert admin.post(address, body).status_code == 302
    assert Policy.objects.get().name == "Main"
    assert "already" in text(admin.post(address, body))


def test_policies_are_moved_switched_restored_and_promoted_by_buttons(met, policy, admin):
    second = save_policy(met.environment, name="Second", rules=[WAIT], comment="x")
    admin.post(url(second, "move_policy"), {"to": "up"})
    rows = Policy.objects.within(met.environment).order_by("position", "created_at")
    assert [row.name for row in rows] == ["Second", "Main"]
    admin.post(url(policy, "switch_policy"), {"to": "off"})
    policy.refresh_from_db()
    assert policy.is_enabled
    admin.post(url(policy, "switch_policy"), {"to": "off", "comment": "too strict"})
    policy.refresh_from_db()
    assert not policy.is_enabled
    admin.post(url(policy, "restore_policy", number=1), {"comment": "back"})
    try_version(met.environment, name="Main", rules=[DENY], comment="x", rollout=Rollout())
    admin.post(url(policy, "rollout"), {"do": "widen", "stage": "percent", "percent": "20"})
    policy.refresh_from_db()
    assert policy.trial_percent == 20
    admin.post(url(policy, "rollout"), {"do": "promote"})
    policy.refresh_from_db()
    assert policy.rules == [DENY]


def test_whoever_opens_the_address_of_a_button_is_led_to_its_page(met, policy, admin):
    for name in ("switch_policy", "rollout"):
        assert admin.get(url(policy, name))["Location"] == url(policy)
    assert admin.get(url(policy, "restore_policy", number=1))["Location"] == url(policy)
    listed = at(met.environment, "approvals:policies")
    assert admin.get(url(policy, "move_policy"))["Location"] == listed


def test_an_actions_trace_says_what_a_watched_version_would_have_done(met, admin):
    seen = ShadowVerdictFactory(action__environment=met.environment)
    name = at(met.environment, "approvals:detail", action=seen.action.public_id)
    shown = text(admin.get(name))
    assert f"Version {seen.version.number} of {seen.version.policy.name} was only watched" in shown
    assert "which is not what was applied" in shown


def test_disagreements_are_counted_and_lead_to_the_actions(met, admin):
    seen = ShadowVerdictFactory(action__environment=met.environment)
    ShadowVerdictFactory(action__environment=met.environment, version=seen.version, change="same")
    policy = seen.version.policy
    shown = text(admin.get(url(policy, "shadow")))
    assert f"?version={seen.version.number}&amp;change=newly_denied" in shown
    assert seen.action.public_id in shown
    agreed = text(admin.get(url(policy, "shadow"), {"change": "same"}))
    assert seen.action.public_id not in agreed
    for nonsense in ({"change": "x"}, {"version": "x"}, {"version": "9" * 30}, {"page": "99"}):
        assert admin.get(url(policy, "shadow"), nonsense).status_code == 200
    assert admin.get(url(policy, "shadow"), {"format": "csv"})["Content-Type"].startswith(
        "text/csv"
    )


def test_two_versions_are_compared_word_by_word(met, policy, admin):
    rules = [{**WAIT, "when": "args.amount > 50"}, DENY]
    save_policy(met.environment, name="Main", rules=rules, comment="more")
    shown = text(admin.get(url(policy, "policy_version", number=2)))
    assert "<del>true</del>" in shown
    assert "added as rule 2" in shown
    assert admin.get(url(policy, "policy_version", number=9)).status_code == 404
    assert admin.get(url(policy, "policy_version", number=2), {"from": "9"}).status_code == 404


def test_the_simulator_answers_about_one_action_and_one_call(met, policy, admin):
    address = at(met.environment, "approvals:simulate")
    action = ActionFactory(environment=met.environment, facts={"args": {"amount": 9}, "tool": {}})
    assert "Needs approval" in text(admin.post(address, {"action": action.public_id}))
    ToolFactory(environment=met.environment, name="note")
    agent = AgentFactory(environment=met.environment).public_id
    call = {"tool": "note", "agent": agent, "arguments": '{"note": 5}'}
    assert "schema" in text(admin.post(address, call))
    for wrong in ({}, {"action": "act_no"}, call | {"arguments": "{"}, call | {"agent": ""}):
        assert admin.post(address, wrong).status_code == 422


def test_the_simulator_knows_nothing_of_elsewhere(met, policy, admin):
    foreign = ActionFactory(environment=met.elsewhere, facts={"args": {}})
    answer = admin.post(at(met.environment, "approvals:simulate"), {"action": foreign.public_id})
    assert (answer.status_code, "no such action" in text(answer)) == (422, True)
