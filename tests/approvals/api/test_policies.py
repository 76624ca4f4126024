"""Policies by API: versions, trials, checks and simulations; who may do which."""

import pytest

from approvals.models import Policy, ShadowVerdict
from approvals.policy.templates import BY_SLUG
from audit.models import AuditRecord
from tests import people
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ShadowVerdictFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
WAIT = [{"name": "all wait", "when": "true", "verdict": "require_approval"}]
DENY = [{"name": "none", "when": "true", "verdict": "deny"}]
MAIN = {"name": "main", "comment": "first", "rules": WAIT}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


@pytest.fixture
def main(admin):
    answer = admin.post("policies", MAIN)
    assert answer.status_code == 201, answer.content
    return f"policies/{answer.json()['id']}"


def ok(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_patch_changes_what_it_names_and_keeps_the_rest(admin, main):
    patched = ok(admin.send("patch", main, {"comment": "later", "position": 7}))
    assert (patched["version"], patched["position"], patched["rules"]) == (2, 7, WAIT)
    off = ok(admin.send("patch", main, {"comment": "off", "enabled": False}))
    assert (off["version"], off["enabled"]) == (3, False)
    assert admin.send("patch", main, {"position": 9}).status_code == 422
    assert admin.send("patch", main, {"comment": "x", "color": 1}).status_code == 422


def test_versions_are_listed_shown_compared_and_restored(admin, main, here):
    ok(admin.send("patch", main, {"comment": "stricter", "rules": [*WAIT, *DENY]}))
    newest, oldest = ok(admin.get(f"{main}/versions"))["items"]
    assert (newest["number"], newest["comment"]) == (2, "stricter")
    assert newest["author"] == {"kind": "person", "id": here.admin.public_id}
    assert ok(admin.get(f"{main}/versions/1")) == oldest
    diff = ok(admin.get(f"{main}/diff", {"from": "1", "to": "2"}))
    assert [(rule["kind"], rule["name"]) for rule in diff["rules"]] == [("added", "none")]
    back = ok(admin.post(f"{main}/restore", {"version": 1, "comment": "too strict"}))
    assert (back["version"], back["rules"]) == (3, WAIT)
    unknown = admin.get(f"{main}/versions/9")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_version")
    assert admin.get(f"{main}/diff", {"from": "x", "to": "2"}).status_code == 422


def test_a_fault_is_told_with_rule_line_column_and_caret(admin, main):
    rules = [{"name": "bad", "when": "true &&\n args.(", "verdict": "deny"}]
    for answer in (
        admin.send("patch", main, {"comment": "x", "rules": rules}),
        admin.post("policies", MAIN | {"rules": rules}),
        admin.post("policies/check", {"rules": rules}),
        admin.post("policies/simulate", {"days": 1, "rules": rules}),
    ):
        told = answer.json()
        assert (answer.status_code, told["code"]) == (422, "policy_invalid")
        assert (told["rule"], told["field"], told["line"]) == ("bad", "when", 2)
        assert told["caret"].splitlines()[1] == " " * (told["column"] - 1) + "^"
    assert Policy.objects.get().version == 1


def test_failing_tests_are_told_case_by_case(admin, main):
    cases = "cases: [{name: refunds wait, tool: refund, expect: {verdict: require_approval}}]"
    answer = admin.send("patch", main, {"comment": "x", "rules": DENY, "tests": cases})
    assert (answer.status_code, answer.json()["code"]) == (422, "tests_fail")
    assert answer.json()["failed"][0]["case"] == "refunds wait"
    checked = ok(admin.post("policies/check", {"rules": DENY, "tests": cases}))
    assert (checked["passed"], checked["tests"][0]["verdict"]) == (False, "deny")


def test_a_check_warns_and_saves_nothing(admin):
    rules = [{"name": "all", "when": "true", "verdict": "allow"}, *DENY]
    found = ok(admin.post("policies/check", {"rules": rules}))
    assert {warning["code"] for warning in found["warnings"]} == {
        "unreachable", "allow_before_deny", "destructive_allowed"
    }  # fmt: skip
    assert not Policy.objects.exists()


def test_a_trial_goes_from_watching_over_a_share_to_all(admin, main):
    body = {"comment": "try", "rules": DENY, "rollout": {"stage": "shadow"}}
    tried = ok(admin.send("patch", main, body))
    assert (tried["version"], tried["rules"]) == (1, WAIT)
    assert tried["trial"] == {"version": 2, "stage": "shadow", "agents": [], "percent": 0}
    wider = ok(admin.post(f"{main}/rollout", {"stage": "percent", "percent": 10}))
    assert wider["trial"]["percent"] == 10
    done = ok(admin.post(f"{main}/promote"))
    assert (done["version"], done["rules"], done["trial"]) == (2, DENY, None)
    assert admin.post(f"{main}/withdraw").status_code == 409


def test_a_trial_has_no_position_of_its_own(admin, main):
    body = {"comment": "x", "position": 1, "rollout": {"stage": "shadow"}}
    assert admin.send("patch", main, body).status_code == 422


def test_disagreements_are_counted_by_version_and_listed(admin, here):
    seen = ShadowVerdictFactory(action__environment=here.environment)
    policy = f"policies/{seen.version.policy.public_id}"
    shadows = ok(admin.get(policy))["shadows"]
    assert [(one["version"], one["newly_denied"], one["same"]) for one in shadows] == [(2, 1, 0)]
    [listed] = ok(admin.get(f"{policy}/disagreements", {"version": "2"}))["items"]
    assert (listed["action"], listed["change"]) == (seen.action.public_id, "newly_denied")
    assert ok(admin.get(f"{policy}/disagreements", {"change": "same"}))["items"] == []
    assert admin.get(f"{policy}/disagreements", {"change": "x"}).status_code == 422
    assert ShadowVerdict.objects.count() == 1


def test_the_last_days_are_simulated_against_a_draft(admin, main, here):
    ToolFactory(environment=here.environment, name="note")
    machine = key_for(AgentFactory(environment=here.environment))
    wish = machine.post("actions", {"tool": "note", "arguments": {"note": "x"}}).json()
    found = ok(admin.post("policies/simulate", {"days": 7, "policy": "main", "rules": DENY}))
    assert (found["examined"], found["unchanged"]) == (1, 0)
    [item] = found["newly_denied"]["items"]
    assert (item["action"], item["after"]["rule"]) == (wish["id"], "none")
    past = ok(admin.post("policies/simulate", {"action": wish["id"]}))
    assert (past["verdict"], past["change"], past["uncertain"]) == ("require_approval", "same", [])
    assert past["trace"][0]["outcome"] == "matched"
    assert AuditRecord.objects.filter(action="approvals.policy.simulated").count() == 2


def test_one_call_is_simulated_through_the_whole_gate(admin, main, here):
    ToolFactory(environment=here.environment, name="note")
    agent = AgentFactory(environment=here.environment).slug
    call = {"tool": "note", "arguments": {"note": "x"}, "agent": agent}
    assert ok(admin.post("policies/simulate", call))["status"] == "pending"
    draft = ok(admin.post("policies/simulate", {**call, "policy": "main", "rules": DENY}))
    assert (draft["status"], draft["before"]["verdict"]) == ("denied", "require_approval")
    wrong = ok(admin.post("policies/simulate", call | {"arguments": {"note": 1}}))
    assert (wrong["status"], wrong["findings"][0]["source"]) == ("invalid", "schema")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"days": 1, "tool": "note"},
        {"tool": "note"},
        {"days": 0},
        {"action": "act_nonsense"},
        {"days": 1, "policy": "nothing"},
        {"tool": "note", "arguments": {}, "agent": "nobody"},
        {"days": 1, "policy": "main"},
    ],
)
def test_a_question_that_is_none_is_refused(admin, main, body):
    assert admin.post("policies/simulate", body).status_code == 422


def test_a_trial_is_simulated_without_repeating_its_rules(admin, main):
    ok(admin.send("patch", main, {"comment": "x", "rules": DENY, "rollout": {"stage": "shadow"}}))
    assert ok(admin.post("policies/simulate", {"days": 1, "policy": "main"}))["examined"] == 0


def test_ready_made_rules_can_be_saved_as_they_are(admin):
    templates = ok(admin.get("policies/templates"))["items"]
    assert {one["slug"] for one in templates} == set(BY_SLUG)
    for one in templates:
        body = {"name": one["slug"], "comment": "x", "rules": [one["rule"]], "tests": one["cases"]}
        assert admin.post("policies", body).status_code == 201


def test_a_viewer_reads_and_simulates_and_changes_nothing(here, main):
    viewer = key_of(here, here.may_not)
    for path in (main, f"{main}/versions", f"{main}/disagreements", "policies/templates"):
        ok(viewer.get(path))
    ok(viewer.post("policies/simulate", {"days": 1}))
    assert viewer.send("patch", main, {"comment": "x"}).status_code == 403
    for verb, body in (
        ("restore", {"version": 1, "comment": "x"}),
        ("rollout", {"stage": "shadow"}),
        ("promote", {}),
        ("withdraw", {}),
    ):
        assert viewer.post(f"{main}/{verb}", body).status_code == 403
    machine = key_for(AgentFactory(environment=here.environment))
    assert machine.post("policies/simulate", {"days": 1}).status_code == 403
