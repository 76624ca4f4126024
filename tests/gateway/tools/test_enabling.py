"""Tools are enabled only with all that a reviewer needs; switched, put away, bound elsewhere."""

import pytest

from audit.models import AuditRecord
from gateway.lib.errors import Refused
from gateway.tools import services
from gateway.tools.models import Tool
from tests import people
from tests.callers import key_of, signed_in
from tests.factories.connections import ConnectionFactory
from tests.factories.tenants import EnvironmentFactory, GroupFactory, MemberRoleFactory
from tests.factories.tools import ToolDefinitionFactory, ToolFactory, strict

pytestmark = pytest.mark.django_db
HTTP = {
    "connector": "http",
    "operation": "request",
    "config": {"method": "POST", "url": "https://shop.example/notes"},
}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


def define(here, **fields):
    return services.save(here.environment, **ToolDefinitionFactory(name="note", **fields))


@pytest.mark.parametrize(
    ("fields", "lacks"), [({"effect": ""}, ["effect"]), ({"risk": ""}, ["risk"]),
                          ({"effect": " ", "risk": ""}, ["effect", "risk"])],
)  # fmt: skip
def test_a_write_that_nobody_could_judge_is_not_enabled(admin, fields, lacks):
    definition = {**ToolDefinitionFactory(name="note"), **fields}
    answer = admin.post("tools", definition)
    assert (answer.status_code, answer.json()["code"]) == (422, "incomplete")
    assert [text.split()[0] for text in answer.json()["missing"]] == lacks
    assert not Tool.objects.exists()
    kept = admin.post("tools", {**definition, "enabled": False})
    assert kept.status_code == 201, kept.content
    again = admin.send("patch", "tools/note", {"enabled": True})
    assert (again.status_code, again.json()["code"]) == (422, "incomplete")
    assert all(word in again.json()["detail"] for word in lacks)
    admin.post("tools", {**ToolDefinitionFactory(name="note"), "enabled": False})
    assert admin.send("patch", "tools/note", {"enabled": True}).json()["enabled"] is True


def test_a_read_needs_no_sentence(here):
    tool = define(here, side_effect="read", effect="")
    assert tool.is_enabled


def test_switching_is_recorded_once_per_change(here, admin):
    define(here)
    for on in (False, False, True):
        assert admin.send("patch", "tools/note", {"enabled": on}).json()["enabled"] is on
    assert AuditRecord.objects.filter(action="tools.tool.switched").count() == 2


def test_what_is_put_away_is_gone_until_it_is_taken_out_and_then_off(here, admin):
    define(here)
    put_away = admin.send("patch", "tools/note", {"archived": True}).json()
    assert put_away["archived_at"]
    assert admin.get("tools/note").status_code == 404
    assert admin.get("tools").json()["items"] == []
    refused = admin.send("patch", "tools/note", {"enabled": True})
    assert refused.json()["code"] == "archived"
    with pytest.raises(Refused, match="archived"):
        define(here)
    back = admin.send("patch", "tools/note", {"archived": False}).json()
    assert (back["archived_at"], back["enabled"]) == (None, False)


def test_only_who_may_change_tools_switches_them(here):
    define(here)
    for user in (here.may, here.may_not, here.operator):
        answer = key_of(here, user).send("patch", "tools/note", {"enabled": False})
        assert answer.status_code == 403
    foreign = ToolFactory(environment=here.elsewhere)
    admin = key_of(here, here.admin)
    assert admin.send("patch", f"tools/{foreign.public_id}", {}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"affected": '["note:" + args.nte]'}, "args.nte"),
        ({"material": ["a", ""]}, "material"),
        ({**HTTP, "material": ["total"]}, "preview.before"),
        ({**HTTP, "preview": {"url": "https://shop.example/x", "before": '{"a": 1}'},
          "material": ["b"]}, "yields no 'b'"),
        ({**HTTP, "preview": {"url": "https://shop.example/x", "before": "args.nope"}},
         "args.nope"),
        ({"output_schema": {"type": "nothing"}}, "nothing"),
        ({"output_schema": {"$ref": "https://a.example/s"}}, "itself"),
        ({**HTTP, "compensate": {"config": {"method": "DELETE", "url": "https://a.example/{x}"}}},
         "compensate.url: x is not among"),
        ({**HTTP, "compensate": {"confg": {}}}, "confg"),
        ({"compensate": {"operation": "undo"}}, "undo"),
        ({"reviewers": ["group:nobody"]}, "is nobody"),
        ({"reviewers": ["role:king"]}, "is nobody"),
        ({"reviewers": ["user:stranger@else.example"]}, "is nobody"),
    ],
    ids=str,
)  # fmt: skip
def test_parts_that_do_not_fit_each_other_are_refused(here, fields, says):
    with pytest.raises(Refused, match=says):
        define(here, **fields)
    assert not Tool.objects.exists()


def test_parts_that_fit_are_kept(here):
    GroupFactory(tenant=here.environment.tenant, slug="finance")
    fields = {
        **HTTP,
        "output_schema": {"type": "object", "properties": {"id": {"type": "string"}},
                          "required": ["id"]},
        "preview": {"url": "https://shop.example/notes", "before": '{"total": response.total}'},
        "material": ["total"],
        "compensate": {
            "config": {"method": "DELETE", "url": "https://shop.example/notes/{result.id}"},
            "effect": "Delete the note {{ result.id }}",
        },
        "reviewers": ["group:finance", f"user:{here.may.email}"],
    }  # fmt: skip
    version = define(here, **fields).current
    assert version is not None
    assert {name: getattr(version, name) for name in fields} == fields


def test_the_same_definition_again_makes_no_version(here):
    first, again = define(here), define(here)
    assert first.current == again.current


def test_a_connection_of_another_environment_is_refused(here):
    with pytest.raises(Refused, match="another environment"):
        define(here, connection=ConnectionFactory(environment=here.elsewhere))


@pytest.fixture
def production(here):
    found = EnvironmentFactory(tenant=here.environment.tenant, slug="live", kind="production")
    MemberRoleFactory(member=here.member(here.admin), environment=found, role="admin")
    return found


def test_a_tool_is_bound_to_production_with_productions_connection_and_off(here, production):
    tool = define(here, **HTTP, connection=ConnectionFactory(environment=here.environment))
    live = ConnectionFactory(environment=production, slug="live-key")
    browser = signed_in(here.admin, here.environment)
    browser.client.handler.enforce_csrf_checks = False
    bound = browser.post(
        f"tools/{tool.name}/bind",
        {"environment": "live", "connection": "live-key", "origin": "https://live.example"},
    )
    assert bound.status_code == 201, bound.content
    assert bound.json()["connection"] == live.public_id
    assert bound.json()["enabled"] is False
    assert bound.json()["config"]["url"] == "https://live.example/notes"
    copy = Tool.objects.within(production).get()
    assert copy.current is not None
    assert tool.current is not None
    assert copy.current.input_schema == tool.current.input_schema
    assert AuditRecord.objects.filter(action="tools.tool.bound").count() == 1


def test_a_sandbox_tool_never_gets_a_credential_of_production_nor_the_other_way(here, production):
    tool = define(here, **HTTP)
    ConnectionFactory(environment=here.environment, slug="sandbox-key")
    browser = signed_in(here.admin, here.environment)
    browser.client.handler.enforce_csrf_checks = False
    answer = browser.post(
        f"tools/{tool.name}/bind", {"environment": "live", "connection": "sandbox-key"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_connection")
    assert not Tool.objects.within(production).exists()


def test_a_key_and_an_admin_of_one_environment_reach_no_other(here, admin, production):
    tool = define(here, **HTTP)
    by_key = admin.post(f"tools/{tool.name}/bind", {"environment": "live"})
    assert by_key.status_code == 403
    other = people.person(here.environment, "admin")
    browser = signed_in(other, here.environment)
    browser.client.handler.enforce_csrf_checks = False
    assert browser.post(f"tools/{tool.name}/bind", {"environment": "live"}).status_code == 403
    foreign = browser.post(f"tools/{tool.name}/bind", {"environment": here.elsewhere.public_id})
    assert foreign.status_code == 422
    assert Tool.objects.count() == 1


def test_doubtful_parts_are_told_with_the_tool(here, admin):
    define(here, input_schema=strict(note={"type": "string"}, amount={"type": "number"}))
    (warned,) = admin.get("tools/note").json()["warnings"]
    assert warned["path"] == "/properties/amount"


def test_material_in_depth_is_bound_to_what_stands_there(here):
    from approvals.services import binding
    from tests.factories.approvals import ActionFactory

    tool = ToolFactory(environment=here.environment, current__material=["order.total"])
    action = ActionFactory(environment=here.environment, tool_version=tool.current)
    digests = set()
    for total in (1, 2):
        action.before = {"order": {"total": total, "seen": 9}}
        digests.add(binding.digest_of(action))
    action.before = {"order": {"total": 2, "seen": 10}}
    assert binding.digest_of(action) in digests
    assert len(digests) == 2
