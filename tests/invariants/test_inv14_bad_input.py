"""Invariant 14: bad input gets a clear error, and nothing half-done stays behind."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from approvals.models import Action
from gateway.tenants.models import IdempotencyKey
from tests.desk import text
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.doors import api
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
JSON = "application/json"
NOTE = {"tool": "note", "arguments": {"note": "hello"}}
PROBLEM = {"type", "title", "status", "code", "detail", "request_id"}
TWO_MEANINGS = [
    '{"tool": "note", "arguments": {"note": "a", "note": "b"}}',
    '{"tool": "note", "arguments": {"note": NaN}}',
    '{"tool": "note", "arguments": {"note": 1e400}}',
    '{"tool": "note", "arguments": {"note": 9007199254740993}}',
    '{"tool": "note", "arguments": {"note": "\\ud800"}}',
    '{"tool": "note", "arguments": {"note": "\\u0000"}}',
    '{"tool": "note", "arguments": ' + "[" * 100 + "]" * 100 + "}",
    '{"tool": "note", "arguments": {}} trailing',
    "not json",
    "",
    "[]",
]


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def machine(here: Scene) -> Client:
    return api(None, here.environment, agent_id=here.agent.pk)


@pytest.fixture
def admin(here: Scene) -> Client:
    return api(here.people.member(here.people.admin), here.environment)


def problem(answer: Any, status: int) -> Any:
    """The answer's problem document, complete and of this status."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    found = json.loads(text(answer))
    assert set(found) >= PROBLEM
    assert found["status"] == status
    return found


def propose(client: Client, body: Any, **headers: str) -> Any:
    raw = body if isinstance(body, str) else json.dumps(body)
    return client.post("/api/v1/actions", raw, content_type=JSON, headers=headers)


@pytest.mark.parametrize("body", TWO_MEANINGS)
def test_a_body_without_one_meaning_is_refused_and_leaves_nothing(
    machine: Client, body: str
) -> None:
    problem(propose(machine, body), 422)
    assert not Action.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**NOTE, "arguments": {"note": "x", "bcc": "eve"}}, 422),
        ({**NOTE, "arguments": {}}, 422),
        ({**NOTE, "tool": "rm_rf"}, 403),
    ],
)
def test_a_call_that_is_not_to_be_leaves_an_invalid_action(
    machine: Client, body: dict[str, Any], status: int
) -> None:
    found = problem(propose(machine, body), status)
    action = Action.objects.get()
    assert (action.status, found["action"]) == ("invalid", action.public_id)


def test_a_call_outside_the_agents_scope_is_not_permitted(here: Scene, machine: Client) -> None:
    here.agent.tools = [{"name": "note", "scope": 'args.note == "other"'}]
    here.agent.save()
    assert problem(propose(machine, NOTE), 403)["code"] == "not_permitted"


def test_an_unknown_field_is_named(machine: Client) -> None:
    found = problem(propose(machine, {**NOTE, "priority": 1}), 422)
    assert "priority" in json.dumps(found)
    assert not Action.objects.exists()


def test_the_same_call_id_with_other_arguments_is_a_conflict(machine: Client) -> None:
    first = propose(machine, {**NOTE, "call_id": "c1"})
    assert first.status_code == 201
    again = propose(machine, {**NOTE, "call_id": "c1"})
    assert (again.status_code, json.loads(text(again))["id"]) == (
        200,
        json.loads(text(first))["id"],
    )
    other = {**NOTE, "arguments": {"note": "other"}, "call_id": "c1"}
    assert problem(propose(machine, other), 409)["code"] == "call_id_conflict"
    assert Action.objects.count() == 1


def test_an_idempotency_key_is_one_request(machine: Client) -> None:
    header = {"Idempotency-Key": "once"}
    first, again = (propose(machine, NOTE, **header) for _ in range(2))
    assert json.loads(text(first))["id"] == json.loads(text(again))["id"]
    problem(propose(machine, {**NOTE, "reason": "another"}, **header), 422)
    assert Action.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.parametrize(
    ("resource", "fields"),
    [
        ("sources", {"scheme": "standard", "secrets": [{"value": "no base64 %"}], "slug": "s"}),
        ("sources", {"scheme": "no_such_scheme", "secrets": [{"value": "x"}], "slug": "s"}),
        ("sources", {"scheme": "generic_sha256", "secrets": [{"value": "long-enough-secret"}],
                     "slug": "s", "routes": [{"name": "r", "effect": "run", "when": "event. =="}]}),
        ("policies", {"name": "p", "comment": "c",
                      "rules": [{"name": "r", "when": "args.x ==", "verdict": "allow"}]}),
        ("policies", {"name": "p", "comment": "c",
                      "rules": [{"name": "r", "when": "true", "verdict": "maybe"}]}),
        ("providers", {"slug": "p", "adapter": "telepathy", "base_url": "https://x.example",
                       "api_key": "k", "source": "none"}),
        ("agents", {"slug": "a", "name": "A", "tools": [{"name": "note", "scope": "args. =="}]}),
        ("tools", dict(ToolDefinitionFactory(input_schema={"type": "array"}))),
        ("tools", dict(ToolDefinitionFactory(effect="Write {{ nothing }}"))),
        ("tools", dict(ToolDefinitionFactory(connector="telepathy"))),
        ("connections", {"slug": "c", "kind": "telepathy", "value": "v"}),
        ("members", {"email": "no address", "roles": {}}),
        ("members", {"email": "a@b.example", "roles": {"nowhere": ["admin"]}}),
    ],
)  # fmt: skip
def test_configuration_that_cannot_work_is_refused_as_a_whole(
    admin: Client, resource: str, fields: dict[str, Any]
) -> None:
    before = _names(admin, resource)
    answer = admin.post(f"/api/v1/{resource}", json.dumps(fields), content_type=JSON)
    problem(answer, 422)
    assert _names(admin, resource) == before


def _names(client: Client, resource: str) -> list[str]:
    return [row["id"] for row in json.loads(text(client.get(f"/api/v1/{resource}")))["items"]]


def test_errors_of_the_api_are_problems(here: Scene, machine: Client) -> None:
    action = here.ask()
    problem(Client().get("/api/v1/actions"), 401)
    problem(Client(headers={"Authorization": "Bearer csk_wrong"}).get("/api/v1/actions"), 401)
    problem(machine.get("/api/v1/actions/act_nonsense"), 404)
    problem(machine.get("/api/v1/nothing"), 404)
    problem(machine.delete(f"/api/v1/actions/{action.public_id}"), 405)
    problem(machine.get("/api/v1/actions?status=nonsense"), 422)
    approve = f"/api/v1/actions/{action.public_id}/approve"
    problem(machine.post(approve, "{}", content_type=JSON), 403)


def test_a_second_decision_and_a_stale_digest_are_conflicts(
    here: Scene, settle: Callable[..., list[Any]]
) -> None:
    reviewer = api(here.people.member(here.people.may), here.environment)
    action = here.ask()
    address = f"/api/v1/actions/{action.public_id}/approve"
    stale = reviewer.post(address, json.dumps({"digest": "0" * 64}), content_type=JSON)
    assert problem(stale, 409)["digest"] == action.digest
    vote = json.dumps({"digest": action.digest})
    assert reviewer.post(address, vote, content_type=JSON).status_code == 200
    problem(reviewer.post(address, vote, content_type=JSON), 409)
