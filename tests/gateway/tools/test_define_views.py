"""The pages that define a tool: made of a connector's operation, changed, refused."""

import json

import pytest

from gateway.tools import services
from gateway.tools.models import Tool
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.tools import ToolDefinitionFactory

pytestmark = pytest.mark.django_db
CONFIG = {"method": "POST", "url": "https://shop.example/notes"}
SCHEMA = {
    "type": "object",
    "properties": {"note": {"type": "string", "maxLength": 200}},
    "required": ["note"],
    "additionalProperties": False,
}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return signed_in(here.admin)


def sent(**changes):
    return {
        "name": "add_note", "description": "Adds a note.", "side_effect": "write",
        "retry_class": "unsafe", "risk": "low", "effect": "Add {{ note }}", "affected": "",
        "input_schema": json.dumps(SCHEMA), "config": json.dumps(CONFIG), "connection": "",
        "enabled": "on", "sensitive": "note\n", "reviewers": "role:reviewer",
    } | changes  # fmt: skip


def test_every_operation_is_offered_and_leads_to_its_form(here, admin):
    listed = text(admin.get(at(here.environment, "tools:choose")))
    for offer in services.offers():
        address = at(here.environment, "tools:new", offer=offer.key)
        assert address in listed
        assert admin.get(address).status_code == 200


def test_what_the_connector_does_not_say_begins_with_the_careful_choice(here, admin):
    shown = text(admin.get(at(here.environment, "tools:new", offer="http.request")))
    assert '<option value="destructive" selected>' in shown
    assert '<option value="unsafe" selected>' in shown


def test_a_tool_is_made_as_the_form_says(here, admin):
    address = at(here.environment, "tools:new", offer="http.request")

    made = admin.post(address, sent())

    tool = Tool.objects.get(name="add_note")
    assert (made.status_code, tool.is_enabled) == (302, True)
    assert (tool.current.config, tool.current.input_schema) == (CONFIG, SCHEMA)
    assert (tool.current.sensitive, tool.current.reviewers) == (["note"], ["role:reviewer"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input_schema": '{"type": "object", "type": "array"}'}, "names a key twice"),
        ({"config": "[]"}, "A JSON object is needed"),
        ({"effect": "Add {{ nothing }}"}, "nothing"),
        ({"risk": ""}, "risk"),
        ({"reviewers": "role:king"}, "is nobody"),
        ({"connection": "con_of_somebody_else"}, "Select a valid choice"),
        ({"name": "two words"}, "Enter a valid value"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(here, admin, change, words):
    answer = admin.post(at(here.environment, "tools:new", offer="http.request"), sent(**change))

    assert answer.status_code == 422
    assert words in text(answer)
    assert not Tool.objects.exists()


def test_a_change_makes_a_version_and_a_name_in_use_is_refused(here, admin):
    tool = services.save(
        here.environment,
        **ToolDefinitionFactory(
            name="add_note",
            connector="http",
            operation="request",
            config=CONFIG,
            input_schema=SCHEMA,
        ),
    )
    address = at(here.environment, "tools:edit", tool=tool.public_id)
    assert "Saving makes version 2" in text(admin.get(address))

    changed = admin.post(address, sent(number="1", description="Another word."))
    again = admin.post(address, sent(number="1", description="Too late."))
    taken = admin.post(at(here.environment, "tools:new", offer="http.request"), sent())

    tool.refresh_from_db()
    assert (changed.status_code, again.status_code, taken.status_code) == (302, 409, 422)
    assert (tool.current.number, tool.current.description) == (2, "Another word.")
    assert "Somebody changed add_note since" in text(again)


def test_only_who_may_change_tools_and_only_known_operations(here, admin):
    address = at(here.environment, "tools:new", offer="http.request")
    assert signed_in(here.may).post(address, sent()).status_code == 403
    unknown = at(here.environment, "tools:new", offer="http.fly")
    assert admin.get(unknown).status_code == 404
