"""Tools out of other people's documents: strict drafts, pinned, and in doubt when they change."""

import json
import time

import pytest

from approvals.services import approve, propose
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.services import principal_of_agent
from gateway.lib.errors import Conflict, Refused, StaleState
from gateway.tools import services
from gateway.tools.documents import Unreadable, read
from gateway.tools.drafts import from_mcp, from_openapi
from gateway.tools.foreign import Converter, Unfit
from gateway.tools.models import Pin, Tool, Upstream
from gateway.tools.schema import check_definition, problems
from tests import people
from tests.callers import key_of
from tests.factories.agents import AgentFactory

REFUND = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "amount": {"type": "integer", "format": "int64", "minimum": 0, "exclusiveMinimum": True},
        "note": {"type": "string", "nullable": True, "x-secret": 1},
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
    },
    "required": ["id", "amount"],
}
LINE = {
    "type": "object",
    "properties": {"sku": {"type": "string"}, "in": {"$ref": "#/components/schemas/Line"}},
}


def document(**change):
    return {
        "openapi": "3.0.3",
        "info": {"title": "The shop"},
        "servers": [{"url": "https://shop.example/v1/"}],
        "paths": {
            "/orders/{order-id}": {
                "parameters": [
                    {"name": "order-id", "in": "path", "required": True,
                     "schema": {"type": "string"}},
                ],
                "get": {"operationId": "getOrder", "summary": "Read an order."},
                "delete": {"operationId": "deleteOrder"},
            },
            "/orders/{order-id}/refunds": {
                "post": {
                    "operationId": "refund order!",
                    "parameters": [
                        {"name": "order-id", "in": "path", "required": True,
                         "schema": {"type": "string"}},
                        {"name": "mode", "in": "query", "schema": {"enum": ["a", "b"]}},
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json; charset=utf-8": {
                            "schema": {"$ref": "#/components/schemas/Refund"}}},
                    },
                }
            },
            "/upload": {"post": {"requestBody": {"content": {"text/csv": {}}}}},
            "/old": {"post": {"requestBody": {"content": {"application/json": {
                "schema": {"$ref": "https://else.example/s.json"}}}}}},
            "/signed": {"get": {"parameters": [
                {"name": "X-Sig", "in": "header", "required": True}]}},
        },
        "components": {"schemas": {"Refund": REFUND | change, "Line": LINE}},
    }  # fmt: skip


def by_key(made):
    return {draft.key: draft for draft in made}


def test_operations_become_strict_drafts_with_a_fixed_host():
    made = by_key(from_openapi(document()))
    refund = made["POST /orders/{order-id}/refunds"]
    assert refund.name == "refund_order"
    assert refund.definition["side_effect"] == "write"
    assert refund.definition["config"] == {
        "method": "POST",
        "url": "https://shop.example/v1/orders/{order-id}/refunds",
        "query": {"mode": "{mode}"},
        "body": "{body}",
    }
    schema = refund.definition["input_schema"]
    check_definition(schema)
    good = {"order-id": "1", "body": {"amount": 5, "note": None, "lines": [{"in": {"sku": "a"}}]}}
    assert problems(schema, good) == ()
    for wrong in ({"amount": 0}, {"amount": 1, "id": "x"}, {"amount": 1, "lines": [{"x": 1}]}):
        assert problems(schema, {"order-id": "1", "body": wrong})
    assert made["GET /orders/{order-id}"].definition["side_effect"] == "read"
    assert made["DELETE /orders/{order-id}"].definition["side_effect"] == "destructive"


@pytest.mark.parametrize(
    ("key", "says"),
    [("POST /upload", "no JSON"), ("POST /old", "leads out"), ("GET /signed", "header parameter")],
)
def test_what_cannot_be_a_tool_says_why(key, says):
    assert says in by_key(from_openapi(document()))[key].problem


def test_objects_that_are_joined_become_one_closed_object():
    base = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    joined = {"allOf": [{"$ref": "#/components/schemas/Base"},
                        {"properties": {"b": {"type": "string"}}}]}  # fmt: skip
    made = document()
    made["components"]["schemas"] |= {"Base": base, "Refund": joined}
    schema = by_key(from_openapi(made))["POST /orders/{order-id}/refunds"].definition[
        "input_schema"
    ]
    check_definition(schema)
    assert not problems(schema, {"order-id": "1", "body": {"a": "", "b": ""}})
    assert problems(schema, {"order-id": "1", "body": {"a": "", "c": ""}})


@pytest.mark.parametrize(
    "change", [{"openapi": "2.0"}, {"servers": []}, {"servers": [{"url": "/relative"}]},
               {"servers": [{"url": "https://{region}.example"}]}],
)  # fmt: skip
def test_a_document_of_another_kind_or_without_a_server_is_refused(change):
    with pytest.raises(Unfit):
        from_openapi(document() | change)


def test_hints_of_a_server_never_make_a_read():
    listed = {
        "tools": [
            {"name": "look", "inputSchema": {"type": "object"},
             "annotations": {"readOnlyHint": True}},
            {"name": "drop", "description": "x", "inputSchema": {
                "type": "object", "properties": {"n": {"$ref": "#/$defs/n"}},
                "$defs": {"n": {"type": "object", "properties": {"m": {"$ref": "#/$defs/n"}}}}}},
        ]
    }  # fmt: skip
    look, drop = from_mcp({"result": listed}, server="https://mcp.example/mcp")
    assert (look.definition["side_effect"], drop.definition["side_effect"]) == (
        "write",
        "destructive",
    )
    for draft in (look, drop):
        check_definition(draft.definition["input_schema"])
        assert problems(draft.definition["input_schema"], {"other": 1})
    assert not problems(drop.definition["input_schema"], {"n": {"m": {"m": {}}}})


def test_yaml_is_read_as_json_would_be():
    assert read("a: no\nb: 2020-01-01\n200: true\nc: [1, null]") == {
        "a": "no", "b": "2020-01-01", "200": True, "c": [1, None],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["a: &x [1]\nb: *x", "a: " + "[" * 70 + "]" * 70, "[1]", "a: !!python/object:os.x {}", "{",
     "x" * 1_100_000, "a: '" + "x" * 300_000 + "'", '{"a": 1, "a": 2}', "- 1", "a: b: c"],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_hostile_document_is_refused_in_no_time(text):
    started = time.process_time()
    with pytest.raises(Unreadable):
        read(text)
    assert time.process_time() - started < 1


@pytest.fixture
def here(db):
    return people.ready()


def bring(here, made=None, **more):
    return services.import_tools(
        here.environment, kind="openapi", name="shop", document=json.dumps(made or document()),
        **more,
    )  # fmt: skip


REFUND_KEY = "POST /orders/{order-id}/refunds"


def test_an_import_makes_disabled_drafts_that_lack_what_a_person_must_say(here):
    made = bring(here)
    assert {item.key: item.state for item in made.found if item.tool} == {
        REFUND_KEY: "new", "GET /orders/{order-id}": "new", "DELETE /orders/{order-id}": "new",
    }  # fmt: skip
    tool = Tool.objects.get(name="shop.refund_order")
    assert not tool.is_enabled
    assert tool.current is not None
    assert [text.split()[0] for text in services.missing_blocks(tool.current)] == ["effect", "risk"]
    with pytest.raises(Refused, match="effect"):
        services.switch(tool, on=True)
    assert [item.state for item in bring(here).found].count("same") == 3
    assert Tool.objects.count() == 3


def test_only_the_named_operations_are_made(here):
    bring(here, operations=["GET /orders/{order-id}"])
    assert list(Tool.objects.values_list("name", flat=True)) == ["shop.getOrder"]
    with pytest.raises(Refused, match="POST /nothing"):
        bring(here, operations=["POST /nothing"])


@pytest.fixture
def drifted(here):
    """The refund tool, enabled, with a pending action, and described otherwise since."""
    bring(here)
    tool = Tool.objects.get(name="shop.refund_order")
    finished = services.save(
        here.environment, name=tool.name,
        **services_definition(tool) | {"risk": "high", "effect": "Refund {{ body.amount }}"},
    )  # fmt: skip
    agent = AgentFactory(environment=here.environment)
    action = propose(
        environment=here.environment, agent=agent, tool_name=tool.name,
        arguments={"order-id": "1", "body": {"amount": 5}}, requester=principal_of_agent(agent),
    )  # fmt: skip
    assert action.status == ActionStatus.PENDING, action.reason
    more = {"properties": {**REFUND["properties"], "to": {"type": "string"}}}
    bring(here, document(**more))
    finished.refresh_from_db()
    return finished, action


def services_definition(tool):
    from gateway.tools.services.defining import definition_of

    return definition_of(tool.current)


def test_another_description_puts_the_tool_in_doubt_and_what_waits_waits(here, drifted):
    tool, action = drifted
    assert tool.drifted_at is not None
    assert tool.current.number == 2
    assert AuditRecord.objects.filter(action="tools.tool.drifted").count() == 1
    by = here.principal(here.may)
    with pytest.raises(StaleState, match="administrator"):
        approve(action=action, by=by, digest=action.digest)


def test_accepting_makes_a_version_and_keeps_what_was_set_here(here, drifted):
    tool, _ = drifted
    proposal = services.proposal_of(tool)
    accepted = services.accept_drift(tool, sha256=proposal["sha256"])
    assert (accepted.drifted_at, accepted.current.number) == (None, 3)
    assert (accepted.current.risk, accepted.current.effect) == ("high", "Refund {{ body.amount }}")
    body = accepted.current.input_schema["$defs"]["Refund"]
    assert "to" in body["properties"]
    with pytest.raises(Conflict, match="Nothing is to be decided"):
        services.accept_drift(tool, sha256=proposal["sha256"])


def test_keeping_lets_what_waits_go_on_and_is_not_asked_again(here, drifted):
    tool, action = drifted
    sha256 = services.proposal_of(tool)["sha256"]
    with pytest.raises(StaleState):
        services.keep_pinned(tool, sha256="0" * 64)
    assert services.keep_pinned(tool, sha256=sha256).drifted_at is None
    more = {"properties": {**REFUND["properties"], "to": {"type": "string"}}}
    bring(here, document(**more))
    tool.refresh_from_db()
    assert tool.drifted_at is None
    approve(action=action, by=here.principal(here.may), digest=action.digest)
    assert AuditRecord.objects.filter(action="tools.tool.drift_refused").count() == 1


def test_an_upstream_that_takes_its_change_back_ends_the_doubt(here, drifted):
    bring(here)
    assert Tool.objects.get(pk=drifted[0].pk).drifted_at is None


def test_a_description_that_does_not_fit_the_sentence_is_refused_on_acceptance(here, drifted):
    tool, _ = drifted
    without = {key: value for key, value in REFUND["properties"].items() if key != "amount"}
    bring(here, document(properties=without, required=[]))
    with pytest.raises(Refused, match="body.amount"):
        services.accept_drift(tool, sha256=services.proposal_of(tool)["sha256"])


def test_a_tool_that_is_listed_no_more_is_in_doubt(here, drifted):
    made = document()
    del made["paths"]["/orders/{order-id}/refunds"]
    bring(here, made)
    tool = Tool.objects.get(pk=drifted[0].pk)
    assert tool.drifted_at is not None
    with pytest.raises(Refused, match="archive"):
        services.accept_drift(tool, sha256=Pin.objects.get(tool=tool).seen_sha256)


def test_tools_of_an_mcp_server_are_called_where_the_import_says(here):
    listed = json.dumps({"tools": [{"name": "look", "inputSchema": {"type": "object"}}]})
    with pytest.raises(Refused, match="say where its tools are called"):
        services.import_tools(here.environment, kind="mcp", name="notes", document=listed)
    made = services.import_tools(
        here.environment, kind="mcp", name="notes", document=listed,
        server="https://mcp.example/mcp",
    )  # fmt: skip
    (tool,) = [item.tool for item in made.found]
    assert tool.current.config == {"url": "https://mcp.example/mcp", "tool": "look"}
    assert (tool.current.connector, tool.current.operation) == ("mcp", "call_tool")
    with pytest.raises(Refused, match="risk"):
        services.switch(tool, on=True)


def test_import_by_api_shows_first_and_makes_then(here):
    admin = key_of(here, here.admin)
    body = {"kind": "openapi", "name": "shop", "document": json.dumps(document())}
    shown = admin.post("tools/import", {**body, "dry_run": True})
    assert shown.status_code == 200, shown.content
    assert not Upstream.objects.exists()
    states = {item["key"]: item["state"] for item in shown.json()["operations"]}
    assert (states[REFUND_KEY], states["POST /upload"]) == ("new", "unfit")
    made = admin.post("tools/import", {**body, "operations": [REFUND_KEY]})
    assert made.status_code == 201, made.content
    assert admin.get("tools/shop.refund_order").json()["missing"]
    changed = {**body, "document": json.dumps(document(description="Other", required=[])),
               "operations": []}  # fmt: skip
    assert admin.post("tools/import", changed).status_code == 201
    pin = Pin.objects.get()
    answer = admin.post(
        "tools/shop.refund_order/drift", {"decision": "keep", "sha256": pin.seen_sha256}
    )
    assert answer.status_code == 200, answer.content
    bad = admin.post("tools/import", {**body, "document": "no: &a [*a]"})
    assert (bad.status_code, bad.json()["code"]) == (422, "document_invalid")
    viewer = key_of(here, here.may_not)
    assert viewer.post("tools/import", body).status_code == 403


def test_definitions_that_each_join_the_next_one_twice_end_at_once():
    schemas = {
        f"S{n}": {"allOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 2} for n in range(60)
    }
    last = {"S60": {"type": "object", "properties": {"a": {"type": "string"}}}}
    converter = Converter({"components": {"schemas": schemas | last}})

    started = time.perf_counter()
    with pytest.raises(Unfit, match="allOf joins more than"):
        converter.strict({"$ref": "#/components/schemas/S0"})
    assert time.perf_counter() - started < 1
