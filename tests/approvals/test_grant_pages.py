"""The pages and resources of grants."""

import json

import pytest

from approvals.models import Grant
from approvals.states import ActionStatus
from tests.desk import at, signed_in, text
from tests.factories.approvals import GrantFactory, GrantUseFactory
from tests.invariants.doors import api
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
WISH = {"condition": 'size(args) == 1 && args.note == "hello"', "ends_in": 86400, "max_uses": 5}


@pytest.fixture
def here() -> Scene:
    return scene()


def page(here: Scene, action) -> str:
    return at(here.environment, "approvals:grant", action=action.public_id)


def test_whoever_approved_is_led_from_the_action_to_the_suggested_condition(here):
    action = here.approved()
    here.ask()
    browser = signed_in(here.people.may)
    detail = at(here.environment, "approvals:detail", action=action.public_id)
    assert "Allow calls like this" in text(browser.get(detail))
    assert "Allow calls like this" not in text(signed_in(here.people.second).get(detail))

    shown = text(browser.get(page(here, action)))
    assert "args.note == &quot;hello&quot;" in shown
    assert '<b class="cs-strong">2</b> of 2 calls' in shown


def test_grant_is_made_listed_used_and_revoked(here):
    action = here.approved()
    browser = signed_in(here.people.may)
    assert browser.post(page(here, action), {**WISH, "reason": "daily"}).status_code == 302
    grant = Grant.objects.get()
    assert here.ask().status == ActionStatus.APPROVED

    listed = text(browser.get(at(here.environment, "approvals:grants")))
    assert f"?grant={grant.public_id}" in listed
    used = at(here.environment, "approvals:list")
    assert "1</b>" in listed or ">1</a> of 5" in listed
    assert text(browser.get(used, {"grant": grant.public_id})).count("/actions/act_") == 1
    assert "daily" in text(browser.get(at(here.environment, "approvals:grants"), {"format": "csv"}))

    address = at(here.environment, "approvals:revoke_grant", grant=grant.public_id)
    assert "Revoke this grant?" in text(browser.get(address))
    assert not Grant.objects.get().revoked_at
    assert browser.post(address).status_code == 302
    assert browser.post(address).status_code == 409
    grant.refresh_from_db()
    assert grant.revoked_at


def test_trying_a_condition_grants_nothing_and_a_bad_one_shows_where(here):
    action = here.approved()
    browser = signed_in(here.people.may)
    tried = browser.post(page(here, action), {"condition": 'args.note != ""', "try": "1"})
    assert "of 1 calls" in text(tried)
    bad = browser.post(page(here, action), {**WISH, "condition": "args.note ==", "reason": "r"})
    assert bad.status_code == 422
    assert "^" in text(bad)
    assert not Grant.objects.exists()


def test_who_may_not_is_told_why_and_strangers_find_nothing(here):
    action = here.approved()
    assert "Only whoever approved" in text(signed_in(here.people.second).get(page(here, action)))
    assert signed_in(here.people.may_not).get(page(here, action)).status_code == 403
    assert signed_in(here.people.stranger).get(page(here, action)).status_code == 404
    grant = GrantFactory(derived_from=action, made_by=here.people.may)
    address = at(here.environment, "approvals:revoke_grant", grant=grant.public_id)
    assert signed_in(here.people.stranger).post(address).status_code == 404
    refused = signed_in(here.people.second).post(address)
    assert (refused.status_code, Grant.objects.get().revoked_at) == (409, None)


def test_ended_and_open_grants_are_told_apart(here):
    action = here.approved()
    GrantFactory(derived_from=action, made_by=here.people.may, reason="still going")
    used = GrantFactory(derived_from=action, made_by=here.people.may, uses=10, reason="all used")
    GrantUseFactory(grant=used)
    browser, address = signed_in(here.people.may), at(here.environment, "approvals:grants")

    assert "all used" not in text(browser.get(address, {"state": "open"}))
    assert "still going" not in text(browser.get(address, {"state": "ended"}))
    assert "still going" in text(browser.get(address, {"state": "open", "q": "NOTE"}))


def test_grants_by_api(here):
    action = here.approved()
    key = api(here.people.member(here.people.may), here.environment)

    def post(path: str, **body):
        return key.post(f"/api/v1/grants{path}", json.dumps(body), content_type="application/json")

    tried = post("/preview", action=action.public_id)
    assert (tried.status_code, tried.json()["count"]) == (200, 1)
    made = post("", action=action.public_id, expires_in_s=3600, max_uses=2, reason="daily")
    assert made.status_code == 201, made.content
    assert made.json()["condition"] == tried.json()["condition"]
    assert here.ask().status == ActionStatus.APPROVED
    assert key.get("/api/v1/grants?open=true").json()["items"][0]["uses"] == 1
    assert post(f"/{made.json()['id']}/revoke").json()["revoked_at"]
    assert key.get("/api/v1/grants?open=true").json()["items"] == []
    machine = api(None, here.environment, agent_id=here.agent.pk, scopes=[])
    body = {"action": action.public_id, "expires_in_s": 3600, "max_uses": 2, "reason": "r"}
    answer = machine.post("/api/v1/grants", json.dumps(body), content_type="application/json")
    assert answer.status_code == 403
