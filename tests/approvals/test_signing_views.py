"""Signing on the card: what the form asks of whom, the challenge, and what a vote then carries."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from approvals.models import Action, Approval, BreakGlass
from approvals.services import save_policy
from gateway.tenants.models import Challenge, User
from tests.doubles.authenticator import Passkey
from tests.factories.factors import code_of, with_app, with_passkey
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
RULES = [{"name": "all", "when": "true", "verdict": "require_approval", "step_up": True}]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def here() -> Scene:
    made = scene()
    save_policy(made.environment, name="rules", rules=RULES, comment="For a test.")
    return made


def browser_of(person: User) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def page(action: Action, verb: str) -> str:
    place = action.environment
    return f"/{place.tenant.slug}/{place.slug}/actions/{action.public_id}/{verb}/"


def text(answer: Any) -> str:
    return str(answer.content.decode())


def signed(browser: Client, action: Action, passkey: Passkey) -> str:
    asked = browser.post(page(action, "challenge")).json()
    credential = passkey.sign(asked["publicKey"])
    return json.dumps({"challenge": asked["challenge"], "credential": credential})


def test_who_has_a_passkey_signs_in_the_form_itself(here: Scene) -> None:
    passkey, browser = with_passkey(here.people.may), browser_of(here.people.may)
    action = here.ask()
    form = text(browser.get(page(action, "approve")))
    assert f'data-options-from="{page(action, "challenge")}"' in form
    assert "Sign and approve" in form
    assertion = signed(browser, action, passkey)
    answer = browser.post(
        page(action, "approve"), {"digest": action.digest, "assertion": assertion}, headers=HTMX
    )
    assert answer.status_code == 200
    assert Approval.objects.get().assertion["origin"] == "http://localhost:8000"
    assert "and signed it with a passkey" in text(browser.get(page(action, "approve")[:-8]))


def test_a_refused_answer_says_why_and_casts_no_vote(here: Scene) -> None:
    passkey, browser = with_passkey(here.people.may), browser_of(here.people.may)
    action, other = here.ask(), here.ask(arguments={"note": "other"})
    posted = {"digest": action.digest, "assertion": signed(browser, other, passkey)}
    answer = browser.post(page(action, "approve"), posted, headers=HTMX)
    assert answer.status_code == 403
    assert "belongs elsewhere" in text(answer)
    assert not Approval.objects.exists()


def test_without_the_signature_the_way_leads_to_a_code(here: Scene) -> None:
    with_passkey(here.people.may)
    secret, browser = with_app(here.people.may), browser_of(here.people.may)
    action = here.ask()
    led = browser.post(page(action, "approve"), {"digest": action.digest})["Location"]
    led = browser.get(led)["Location"]
    assert led.startswith("/accounts/security/by-code/?next=")
    back = browser.post(
        led, {"code": code_of(secret, at=time.time()), "next": page(action, "approve")}
    )
    assert back["Location"] == page(action, "approve")
    assert browser.post(page(action, "approve"), {"digest": action.digest}).status_code == 302
    vote = Approval.objects.get()
    assert (vote.assertion, vote.authentication_methods) == (None, ["mfa:totp"])


def test_who_owes_a_factor_for_it_is_told_where_to_add_one(here: Scene, settings: Any) -> None:
    here.people.may.set_unusable_password()
    here.people.may.save()
    browser = browser_of(here.people.may)
    form = text(browser.get(page(here.ask(), "approve")))
    assert "you have none yet" in form
    assert "Confirm it is you" not in form


def test_only_who_may_decide_gets_a_challenge_and_opening_the_address_makes_none(
    here: Scene,
) -> None:
    action = here.ask()
    for person in (here.people.may_not, here.people.may):
        answer = browser_of(person).post(page(action, "challenge"))
        assert answer.status_code == 403
        assert answer.json()["detail"]
    with_passkey(here.people.stranger)
    assert browser_of(here.people.stranger).post(page(action, "challenge")).status_code == 404
    with_passkey(here.people.may)
    assert browser_of(here.people.may).get(page(action, "challenge")).status_code == 302
    assert not Challenge.objects.exists()


def test_deciding_alone_is_signed_as_well(here: Scene) -> None:
    passkey, browser = with_passkey(here.people.admin), browser_of(here.people.admin)
    action = here.ask()
    posted = {"digest": action.digest, "reason": "Nobody else is awake."}
    assert "data-passkey" in text(browser.get(page(action, "break-glass")))
    browser.post(page(action, "break-glass"), posted)
    assert not BreakGlass.objects.exists()
    browser.post(
        page(action, "break-glass"), posted | {"assertion": signed(browser, action, passkey)}
    )
    assert BreakGlass.objects.get().approval.assertion is not None


def test_a_rule_that_asks_for_no_proof_shows_no_passkey(here: Scene) -> None:
    rules = [{"name": "all", "when": "true", "verdict": "require_approval"}]
    save_policy(here.environment, name="rules", rules=rules, comment="No proof.")
    with_passkey(here.people.may)
    assert "data-passkey" not in text(browser_of(here.people.may).get(page(here.ask(), "approve")))
