"""The first-run wizard: who gets in, what each step looks at, and that it can be resumed."""

import pytest
from django.conf import settings
from django.test import Client

from approvals.states import ActionStatus
from gateway.board import rehearsal, setup_code
from gateway.tenants.models import ApiKey, Tenant, User
from gateway.tenants.services import create_tenant
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import ApiKeyFactory

pytestmark = pytest.mark.django_db
FIRST = {
    "organisation": "Harbour Lights", "name": "Ana", "email": "ana@example.com",
    "password": "a-long-enough-passphrase-7",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_code_is_left():
    yield
    setup_code.forget()


@pytest.fixture
def met():
    return people.ready()


def test_the_code_opens_the_first_organisation_once():
    create_tenant("Halden Supply", "demo")
    code = setup_code.make()
    browser = Client()

    answer = browser.post("/welcome/", {**FIRST, "code": code})

    assert answer["Location"] == "/harbour-lights/sandbox/welcome/"
    assert browser.get(answer["Location"]).status_code == 200
    assert User.objects.get(email="ana@example.com").check_password(FIRST["password"])
    assert not (settings.DATA_DIR / setup_code.FILE).exists()
    assert Client().get("/welcome/")["Location"] == "/"
    assert Client().post("/welcome/", {**FIRST, "code": code})["Location"] == "/"


@pytest.mark.parametrize("code", ["", "guessed", "%00"])
def test_without_the_code_nothing_is_made(code):
    setup_code.make()
    assert Client().post("/welcome/", {**FIRST, "code": code}).status_code == 422
    setup_code.forget()
    assert Client().post("/welcome/", {**FIRST, "code": code}).status_code == 422
    assert not Tenant.objects.exists()


def test_the_code_stays_the_same_until_it_is_used_and_is_its_owners_alone():
    code = setup_code.make()
    assert setup_code.make() == code
    mode = (settings.DATA_DIR / setup_code.FILE).stat().st_mode & 0o777
    assert mode == 0o600


def test_an_account_is_never_taken_over_nor_a_name_used_twice():
    tenant = create_tenant("Halden Supply", "demo")
    User.objects.create_user("ana@example.com", "her own", name="Ana")
    code = setup_code.make()
    answer = Client().post("/welcome/", {**FIRST, "code": code, "organisation": "Demo"})
    assert "signs in with this address already" in text(answer)
    assert "of this name already" in text(answer)
    assert list(Tenant.objects.all()) == [tenant]


def test_the_wizard_is_walked_from_nothing_to_a_decision(met, settle):
    # The owner of nothing may approve: the wizard's parts are the system's.
    admin, place = signed_in(met.admin), met.environment
    home = at(place, "board:welcome")
    assert "step 2 of 6" in text(admin.get(home))

    made = admin.post(at(place, "board:make_source"))
    assert "whsec_" in text(made)
    assert made["Cache-Control"] == "no-store"
    assert "whsec_" not in text(admin.get(home, {"step": "source"}))
    assert "step 3 of 6" in text(admin.get(home))

    admin.post(at(place, "board:send"))
    settle()
    shown = text(admin.get(home))
    assert "step 4 of 6" in shown
    assert "Write the note" in shown
    waiting = rehearsal.source_of(place) and ActionFactory._meta.model.objects.get()
    assert waiting.status == ActionStatus.PENDING
    decide = at(place, "approvals:approve", action=waiting.public_id)
    admin.post(decide, {"digest": waiting.digest})
    settle()
    waiting.refresh_from_db()
    assert waiting.status == ActionStatus.SUCCEEDED
    assert "step 5 of 6" in text(admin.get(home))

    key = admin.post(at(place, "board:make_key"))
    secret = text(key).split("COUNTERSIGN_KEY=")[1].split("<")[0]
    assert "Connected as" not in text(key)
    assert ApiKey.objects.get().made_by == met.admin
    assert "takes a second reviewer" not in text(key)
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    body = {"tool": rehearsal.TOOL, "arguments": {"note": "Hello"}, "reason": "A first try"}
    assert api.post("/api/v1/actions", body, content_type="application/json").status_code == 201
    shown = text(admin.get(home))
    assert "step 6 of 6" in shown
    assert "Everything is set up" in shown
    assert "Connected as first key" in text(admin.get(home, {"step": "agent"}))


def test_in_production_the_wizard_says_that_a_keys_maker_does_not_approve():
    met = people.ready(kind="production")
    home = at(met.environment, "board:welcome")
    assert "takes a second reviewer" in text(signed_in(met.admin).get(home, {"step": "agent"}))
    signed_in(met.admin).post(at(met.environment, "board:make_key"))
    assert ApiKey.objects.get().made_by == met.admin


def test_the_wizard_looks_at_what_is_there_never_at_a_flag(met):
    home = at(met.environment, "board:welcome")
    ApiKeyFactory(environment=met.environment, member=None, agent_id=met.owner.pk)
    assert "No machine" in text(signed_in(met.admin).get(home, {"step": "agent"}))
    ApiKey.objects.update(last_used_at="2026-11-26T06:00:00Z", name="robot")
    assert "Connected as robot" in text(signed_in(met.admin).get(home, {"step": "agent"}))


def test_making_it_twice_says_so_and_makes_nothing(met):
    rehearsal.make(met.environment)
    answer = signed_in(met.admin).post(at(met.environment, "board:make_source"), follow=True)
    assert "There is a first source already." in text(answer)


def test_who_may_not_configure_is_told_who_does(met):
    place = met.environment
    shown = text(signed_in(met.may).get(at(place, "board:welcome"), {"step": "source"}))
    assert "An administrator does that." in shown
    for name in ("board:make_source", "board:send", "board:make_key"):
        assert signed_in(met.may_not).post(at(place, name)).status_code == 403
        assert signed_in(met.stranger).post(at(place, name)).status_code == 404
        assert signed_in(met.admin).get(at(place, name)).status_code == 302


def test_no_snippet_holds_a_key(met):
    shown = text(signed_in(met.admin).get(at(met.environment, "board:welcome"), {"step": "agent"}))
    for title in ("Claude Code", "Cursor", "Codex", "Python"):
        assert title in shown
    assert "csk_" not in shown
