"""Actions and policies by API."""

import json

import pytest

from approvals.models import Action, Policy
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib import ids
from gateway.tenants.models import IdempotencyKey
from tests import people
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
WISH = {"tool": "note", "arguments": {"note": "hello"}, "reason": "because"}
RULES = [{"name": "all wait", "when": "true", "verdict": "require_approval"}]


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def agent(here):
    ToolFactory(environment=here.environment, name="note")
    return AgentFactory(
        environment=here.environment, owner=here.member(here.owner), tools=[{"name": "note"}]
    )


@pytest.fixture
def machine(agent):
    return key_for(agent)


def test_a_wish_waits_for_a_person(machine, agent, here):
    answer = machine.post("actions", WISH)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["status"], shown["verdict"]) == ("pending", "require_approval")
    assert len(shown["digest"]) == 64
    assert shown["agent"] == agent.public_id
    row = Action.objects.get()
    assert row.requester_owner == here.owner
    assert row.arguments == '{"note":"hello"}'
    assert machine.get(f"actions/{shown['id']}").json() == shown


def test_a_read_is_allowed_and_a_denying_rule_denies(machine, here):
    ToolFactory(environment=here.environment, name="look", current__side_effect="read")
    agent = AgentFactory(environment=here.environment)
    free = key_for(agent)
    allowed = free.post("actions", {**WISH, "tool": "look"}).json()
    assert (allowed["status"], allowed["verdict"]) == ("approved", "allow")
    key_of(here, here.admin).post(
        "policies",
        {"name": "no", "comment": "x", "rules": [{"name": "n", "when": "true", "verdict": "deny"}]},
    )
    denied = free.post("actions", WISH).json()
    assert (denied["status"], denied["verdict"]) == ("denied", "deny")


def test_the_same_call_is_the_same_action(machine):
    first = machine.post("actions", WISH | {"call_id": "c-1"})
    again = machine.post("actions", WISH | {"call_id": "c-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = machine.post("actions", {**WISH, "call_id": "c-1", "arguments": {"note": "bye"}})
    assert (other.status_code, other.json()["code"]) == (409, "call_id_conflict")
    assert other.json()["action"] == first.json()["id"]


def test_equal_wishes_without_call_id_are_two(machine):
    assert machine.post("actions", WISH).json()["id"] != machine.post("actions", WISH).json()["id"]


def test_an_idempotency_key_makes_one_action(machine):
    first = machine.post("actions", WISH, Idempotency_Key="one")
    again = machine.post("actions", WISH, Idempotency_Key="one")
    assert again["Idempotent-Replayed"] == "true"
    assert (first.json()["id"], 201) == (again.json()["id"], again.status_code)
    assert Action.objects.count() == 1


def test_an_idempotency_key_holds_through_a_crash_before_the_answer_was_kept(machine):
    first = machine.post("actions", WISH, Idempotency_Key="one").json()
    IdempotencyKey.objects.all().delete()
    again = machine.post("actions", WISH, Idempotency_Key="one")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"tool": "unknown"}, 403, "not_permitted"),
        ({"arguments": {"note": 5}}, 422, "invalid"),
        ({"arguments": {"note": "x", "more": 1}}, 422, "invalid"),
        ({"arguments": [1]}, 422, "invalid"),
    ],
)
def test_a_wish_that_cannot_be_leaves_an_invalid_action(machine, change, status, code):
    answer = machine.post("actions", WISH | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    row = Action.objects.get()
    assert (row.status, row.public_id) == (ActionStatus.INVALID, answer.json()["action"])
    shown = machine.get(f"actions/{row.public_id}").json()
    assert shown["verdict"] == "invalid"


def test_a_tool_outside_the_agents_tools_is_not_permitted(here, machine):
    ToolFactory(environment=here.environment, name="other")
    assert machine.post("actions", {**WISH, "tool": "other"}).status_code == 403


@pytest.mark.parametrize(
    "raw",
    [
        b'{"tool": "note", "arguments": {"note": "a", "note": "b"}}',
        b'{"tool": "note", "arguments": {"note": 0.1e400}}',
        b'{"tool": "note"',
    ],
)
def test_a_body_that_is_not_strict_json_stores_nothing(machine, raw):
    assert machine.post("actions", raw).status_code == 422
    assert not Action.objects.exists()


def test_a_reviewer_approves_by_their_own_key(here, machine):
    wish = machine.post("actions", WISH).json()
    body = {"digest": wish["digest"], "comment": "fine"}
    answer = key_of(here, here.may).post(f"actions/{wish['id']}/approve", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "approved"
    assert [vote["user"] for vote in answer.json()["approvals"]] == [here.may.public_id]


def test_a_stale_digest_is_a_conflict_that_tells_the_current_one(here, machine):
    wish = machine.post("actions", WISH).json()
    answer = key_of(here, here.may).post(f"actions/{wish['id']}/approve", {"digest": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_state")
    assert answer.json()["digest"] == wish["digest"]
    assert answer.json()["current_status"] == "pending"


def test_a_second_decision_is_a_conflict(here, machine):
    wish = machine.post("actions", WISH).json()
    body = {"digest": wish["digest"]}
    assert key_of(here, here.may).post(f"actions/{wish['id']}/approve", body).status_code == 200
    assert key_of(here, here.second).post(f"actions/{wish['id']}/approve", body).status_code == 409


def test_who_may_not_decide_is_refused_whichever_key(here, machine):
    wish = machine.post("actions", WISH).json()
    for caller in (
        machine,
        key_of(here, here.owner),
        key_of(here, here.may_not),
        key_of(here, here.operator),
        key_of(here, here.may, scopes=["approvals.view_action"]),
    ):
        answer = caller.post(f"actions/{wish['id']}/approve", {"digest": wish["digest"]})
        assert answer.status_code == 403
    assert Action.objects.get().status == ActionStatus.PENDING


def test_the_requester_never_approves_even_as_admin(here):
    ToolFactory(environment=here.environment, name="note")
    admin = key_of(here, here.admin)
    wish = admin.post("actions", WISH).json()
    assert wish["requester"] == {"kind": "person", "id": here.admin.public_id}
    answer = admin.post(f"actions/{wish['id']}/approve", {"digest": wish["digest"]})
    assert answer.status_code == 403
    record = AuditRecord.objects.get(outcome="refused")
    assert record.actor_id == here.admin.public_id


def test_a_rejection_needs_its_reason(here, machine):
    wish = machine.post("actions", WISH).json()
    reviewer = key_of(here, here.may)
    body = {"digest": wish["digest"]}
    assert reviewer.post(f"actions/{wish['id']}/reject", body).status_code == 422
    answer = reviewer.post(f"actions/{wish['id']}/reject", body | {"reason": "too much"})
    assert (answer.json()["status"], answer.json()["detail"]) == ("rejected", "too much")


def test_an_agent_cancels_its_own_wish_and_no_others(here, machine):
    wish = machine.post("actions", WISH).json()
    stranger = key_for(AgentFactory(environment=here.environment))
    assert stranger.post(f"actions/{wish['id']}/cancel").status_code == 404
    assert machine.post(f"actions/{wish['id']}/cancel").json()["status"] == "canceled"


def test_an_unknown_outcome_is_reconciled_by_an_operator(here):
    action = ActionFactory(environment=here.environment, status=ActionStatus.UNKNOWN)
    body = {"outcome": "succeeded", "evidence": "I saw it."}
    path = f"actions/{action.public_id}/reconcile"
    assert key_of(here, here.may).post(path, body).status_code == 403
    assert key_of(here, here.operator).post(path, body).json()["status"] == "succeeded"


def test_an_unknown_outcome_is_run_again_by_two_people(here):
    action = ActionFactory(environment=here.environment, status=ActionStatus.UNKNOWN)
    path, operator = f"actions/{action.public_id}", key_of(here, here.operator)
    reason = {"reason": "No trace of it."}
    assert key_of(here, here.may).post(f"{path}/run-again", reason).status_code == 403
    order = operator.post(f"{path}/run-again", reason).json()["run_again"]
    assert order["ordered_by"] == here.operator.public_id
    confirmed = {"order": order["id"]}
    assert operator.post(f"{path}/confirm-run-again", confirmed).status_code == 403
    admin = key_of(here, here.admin)
    assert admin.post(f"{path}/confirm-run-again", {"order": "rag_x"}).status_code == 409
    done = admin.post(f"{path}/confirm-run-again", confirmed).json()
    assert (done["status"], done["run_again"]) == ("approved", None)


def test_a_service_is_asked_again_about_an_unknown_outcome(here):
    action = ActionFactory(environment=here.environment, status=ActionStatus.UNKNOWN)
    path = f"actions/{action.public_id}/look-up"
    assert key_of(here, here.may).post(path).status_code == 403
    assert key_of(here, here.operator).post(path).json()["status"] == "unknown"


def test_lists_narrow_by_status_tool_run_and_agent(here):
    run = RunFactory(environment=here.environment)
    one = ActionFactory(environment=here.environment, run_id=run.pk)
    two = ActionFactory(environment=here.environment, status=ActionStatus.SUCCEEDED)
    viewer = key_of(here, here.may_not)

    def found(**query):
        return [row["id"] for row in viewer.get("actions", query).json()["items"]]

    assert found() == [two.public_id, one.public_id]
    assert found(status="pending") == [one.public_id]
    assert found(tool=two.tool_name) == [two.public_id]
    assert found(run=run.public_id) == [one.public_id]
    assert found(agent=two.agent.slug) == [two.public_id]
    assert found(run="nonsense") == []
    assert viewer.get("actions", {"status": "lost"}).status_code == 422


def test_a_machine_sees_what_its_own_agent_asked_for(here, machine):
    foreign = ActionFactory(environment=here.environment)
    own = machine.post("actions", WISH).json()
    assert [row["id"] for row in machine.get("actions").json()["items"]] == [own["id"]]
    assert machine.get(f"actions/{foreign.public_id}").status_code == 404


def test_actions_of_elsewhere_do_not_exist_here(here):
    foreign = ActionFactory(environment=here.elsewhere)
    admin = key_of(here, here.admin)
    assert admin.get("actions").json()["items"] == []
    for path in ("", "/approve", "/reject", "/cancel", "/reconcile"):
        body = {"digest": foreign.digest, "reason": "x"} if path in ("/approve", "/reject") else {}
        call = admin.post if path else admin.get
        body = {"digest": foreign.digest} if path == "/approve" else body
        body = {"outcome": "failed", "evidence": "x"} if path == "/reconcile" else body
        assert call(f"actions/{foreign.public_id}{path}", body).status_code == 404, path


def test_an_action_may_belong_to_an_open_run_of_the_agent(here, machine, agent):
    run = RunFactory(environment=here.environment, agent=agent)
    shown = machine.post("actions", WISH | {"run": run.public_id}).json()
    assert shown["run"] == run.public_id
    ended = RunFactory(environment=here.environment, agent=agent, status="completed")
    foreign = RunFactory(environment=here.environment)
    late = machine.post("actions", WISH | {"run": ended.public_id})
    assert (late.status_code, late.json()["code"]) == (409, "run_ended")
    unknown = machine.post("actions", WISH | {"run": foreign.public_id})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_run")


def test_sensitive_arguments_are_masked(here):
    tool = ToolFactory(environment=here.environment, current__sensitive=["/note"])
    action = ActionFactory(
        environment=here.environment, tool_version=tool.current, with_arguments={"note": "IBAN-1"}
    )
    answer = key_of(here, here.may).get(f"actions/{action.public_id}")
    assert answer.json()["arguments"]["note"].startswith("[masked ")


@pytest.mark.parametrize("wait", ["x", "-1", "61", "1.5", ""])
def test_a_wait_that_is_no_number_up_to_sixty_is_refused(machine, wait):
    assert machine.post(f"actions?wait={wait}", WISH).status_code == 422
    assert not Action.objects.exists()


def test_a_policy_is_saved_and_saved_again(here):
    admin = key_of(here, here.admin)
    body = {"name": "main", "comment": "first", "rules": RULES, "position": 5}
    first = admin.post("policies", body)
    assert first.status_code == 201, first.content
    again = admin.post("policies", body | {"comment": "second"}).json()
    assert (again["id"], again["version"]) == (first.json()["id"], 2)
    assert admin.get("policies/main").json() == again


def test_a_rule_that_does_not_compile_is_refused_with_its_place(here):
    rules = [{"name": "bad", "when": "args.(", "verdict": "deny"}]
    answer = key_of(here, here.admin).post(
        "policies", {"name": "main", "comment": "x", "rules": rules}
    )
    assert answer.status_code == 422
    assert "bad" in json.dumps(answer.json())
    assert not Policy.objects.exists()


def test_only_admins_change_policies(here):
    body = {"name": "main", "comment": "x", "rules": RULES}
    assert key_of(here, here.operator).post("policies", body).status_code == 403


def test_ids_are_prefixed_base32(machine):
    shown = machine.post("actions", WISH).json()
    assert ids.encode("act", ids.decode("act", shown["id"])) == shown["id"]
