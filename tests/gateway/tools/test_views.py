"""The tools' pages: what a tool lacks, on and off, imports, and what an upstream changed."""

import json

import pytest

from gateway.tools import services
from gateway.tools.models import Tool
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.tools import ToolDefinitionFactory

pytestmark = pytest.mark.django_db
LISTED = {
    "openapi": "3.1.0",
    "info": {"title": "Shop\u202e"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {"/notes": {"post": {"operationId": "addNote", "description": "Adds."}}},
}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return signed_in(here.admin)


def changed():
    other = json.loads(json.dumps(LISTED))
    other["paths"]["/notes"]["post"]["description"] = "Adds, and \u202e sends."
    return other


def bring(here, document):
    services.import_tools(
        here.environment, kind="openapi", name="shop", document=json.dumps(document)
    )
    return Tool.objects.get(name="shop.addNote")


def test_a_document_is_shown_first_and_made_into_drafts_then(here, admin):
    address = at(here.environment, "tools:import")
    assert admin.get(address).status_code == 200
    sent = {"kind": "openapi", "name": "shop", "document": json.dumps(LISTED), "do": "preview"}
    shown = admin.post(address, sent)
    assert shown.status_code == 200
    assert "shop.addNote" in text(shown)
    assert "\u202e" not in text(shown).replace(sent["document"], "").split("<textarea")[0]
    assert not Tool.objects.exists()
    made = admin.post(address, sent | {"do": "create", "operation": ["POST /notes"]})
    assert made.status_code == 302
    assert not Tool.objects.get(name="shop.addNote").is_enabled
    bad = admin.post(address, sent | {"document": "no: &a [*a]"})
    assert bad.status_code == 422
    assert "aliases" in text(bad)


def test_a_draft_says_what_it_lacks_and_is_not_switched_on(here, admin):
    tool = bring(here, LISTED)
    page = text(admin.get(at(here.environment, "tools:detail", tool=tool.public_id)))
    assert "cannot be enabled yet" in page
    address = at(here.environment, "tools:switch", tool=tool.public_id)
    assert "effect (the sentence" in text(admin.get(address))
    refused = admin.post(address, {"on": "yes"})
    assert refused.status_code == 422
    assert not Tool.objects.get().is_enabled


def test_a_tool_is_switched_off_and_on_and_its_versions_say_what_changed(here, admin):
    tool = services.save(here.environment, **ToolDefinitionFactory(name="note"))
    services.save(here.environment, **ToolDefinitionFactory(name="note", risk="high"))
    page = text(admin.get(at(here.environment, "tools:detail", tool=tool.public_id)))
    assert "Write the note ‹note›" in page
    assert "risk changed" in page
    address = at(here.environment, "tools:switch", tool=tool.public_id)
    for word, on in (("no", False), ("yes", True)):
        assert admin.get(address).status_code == 200
        assert admin.post(address, {"on": word}).status_code == 302
        assert Tool.objects.get().is_enabled is on


def test_what_an_upstream_changed_is_shown_and_decided(here, admin):
    bring(here, LISTED)
    tool = bring(here, changed())
    page = text(admin.get(at(here.environment, "tools:detail", tool=tool.public_id)))
    assert "describes it otherwise now" in page
    assert "U+202E" in page
    assert "definition changed" in text(admin.get(at(here.environment, "tools:list")))
    address = at(here.environment, "tools:drift", tool=tool.public_id)
    stale = admin.post(address, {"decision": "accept", "sha256": "0" * 64})
    assert stale.status_code == 409
    sha256 = services.proposal_of(tool)["sha256"]
    assert admin.get(address).status_code == 302
    assert Tool.objects.get().drifted_at is not None
    assert admin.post(address, {"decision": "accept", "sha256": sha256}).status_code == 302
    tool = Tool.objects.get()
    assert tool.drifted_at is None
    assert "sends" in tool.current.description


def test_who_only_looks_changes_nothing(here):
    tool = bring(here, LISTED)
    viewer = signed_in(here.may_not)
    assert viewer.get(at(here.environment, "tools:detail", tool=tool.public_id)).status_code == 200
    for name in ("tools:switch", "tools:drift"):
        answer = viewer.post(at(here.environment, name, tool=tool.public_id), {"on": "no"})
        assert answer.status_code == 403
    assert viewer.post(at(here.environment, "tools:import"), {}).status_code == 403
    stranger = signed_in(here.stranger)
    assert stranger.get(at(here.environment, "tools:list")).status_code == 404
