"""The API as a whole: permissions of every resource, strict bodies, pages, schema, reference."""

import json

import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from gateway import api
from gateway.agents.models import Agent
from gateway.tenants.roles import GRANTS, MACHINE, Role
from tests import people
from tests.callers import key_of, signed_in

pytestmark = pytest.mark.django_db
LISTED = sorted(api.RESOURCES)
ANY = "act_00000000000000000000000000"


@pytest.fixture
def here():
    return people.ready()


@pytest.mark.parametrize("name", LISTED)
def test_a_list_is_for_those_who_may(here, name):
    needed = api.RESOURCES[name].permissions["list"]
    everybody = (here.admin, here.auditor, here.may_not)
    roles = (Role.ADMIN, Role.AUDITOR, Role.VIEWER)
    may = next(who for who, role in zip(everybody, roles, strict=True) if needed in GRANTS[role])
    may_not = [
        who for who, role in zip(everybody, roles, strict=True) if needed not in GRANTS[role]
    ]
    page = key_of(here, may).get(name)
    assert page.status_code == 200
    assert set(page.json()) == {"items", "has_more", "next_cursor"}
    for who in may_not:
        assert key_of(here, who).get(name).status_code == 403
    assert signed_in(here.stranger, here.environment).get(name).status_code == 404


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_end_is_optional(here, name, slash):
    assert signed_in(here.admin, here.environment).get(name + slash).status_code == 200


@pytest.mark.parametrize("name", [name for name in LISTED if name != "audit"])
def test_an_unknown_id_is_404(here, name):
    answer = key_of(here, here.admin).get(f"{name}/{ANY}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", LISTED)
def test_every_method_declares_its_permission(name):
    view = api.RESOURCES[name]
    known = frozenset().union(*GRANTS.values()) | MACHINE
    actions = {"list", "retrieve", "create", "partial_update", "destroy"} & set(dir(view))
    actions |= {name for extra in view.get_extra_actions() for name in extra.mapping.values()}
    assert actions == set(view.permissions)
    assert set(view.permissions.values()) <= known


@pytest.mark.parametrize(
    "name", ["agents", "sources", "tools", "policies", "actions", "runs", "budgets"]
)
def test_unknown_fields_are_refused(here, name):
    answer = key_of(here, here.admin).post(name, {"surprise": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"]["surprise"] == ["There is no such field."]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"slug": "a", "slug": "b"}', "duplicate_key"),
        (b'{"slug": NaN}', "not_a_number"),
        (b'{"slug": "\\ud800"}', "lone_surrogate"),
        (b'{"slug": "\\u0000"}', "nul"),
        (b"[" * 70 + b"]" * 70, "too_deep"),
        (b'{"slug": ', "not_json"),
        (b'"' + b"x" * 300_000 + b'"', "too_large"),
    ],
)
def test_a_body_with_two_meanings_is_refused(here, body, reason):
    answer = key_of(here, here.admin).post("groups", body)
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason


def test_a_body_that_is_no_object_is_refused(here):
    assert key_of(here, here.admin).post("groups", b"[1]").status_code == 422


def test_another_media_type_is_415(here):
    caller = key_of(here, here.admin)
    answer = caller.client.post(
        "/api/v1/groups", "slug=x", content_type="text/plain", headers=caller.headers
    )
    assert answer.status_code == 415


def test_another_method_is_405(here):
    caller = key_of(here, here.admin)
    assert caller.client.delete("/api/v1/groups", headers=caller.headers).status_code == 405


@pytest.mark.parametrize("accept", ["text/html", "application/problem+json", "*/*"])
def test_what_the_client_accepts_changes_nothing(here, accept):
    assert key_of(here, here.admin).get("groups", Accept=accept).status_code == 200


def test_an_unknown_address_is_a_problem(client):
    answer = client.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("statement", ["SELECT", "INSERT"])
def test_a_database_that_cannot_says_when_to_come_again(here, statement):
    def broken(execute, sql, params, many, context):
        if sql.startswith(statement):
            raise OperationalError("database or disk is full")
        return execute(sql, params, many, context)

    caller = key_of(here, here.admin)
    with connection.execute_wrapper(broken):
        answer = caller.post("agents", {"slug": "late", "name": "Late"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "disk" not in answer.content.decode()
    assert not Agent.objects.filter(name="Late").exists()


def test_pages_follow_the_cursor(here):
    caller = key_of(here, here.admin)
    for number in range(3):
        caller.post("groups", {"slug": f"g{number}", "name": "G"})
    first = caller.get("groups", {"limit": 2}).json()
    rest = caller.get("groups", {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["slug"] for row in first["items"] + rest["items"]] == ["g2", "g1", "g0"]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_the_schema_is_openapi_31(client, capfd):
    api._document.cache_clear()
    answer = client.get("/api/schema")
    document = json.loads(answer.content)
    assert document["openapi"].startswith("3.1")
    assert {f"/api/v1/{name}" for name in LISTED} <= set(document["paths"])
    assert "Warning" not in capfd.readouterr().err


def test_the_reference_page_has_no_inline_script(client):
    page = client.get(reverse("api-docs"))
    assert page.status_code == 200
    assert b"<script>" not in page.content
    assert b"style=" not in page.content
    assert "unsafe" not in page["Content-Security-Policy"]
