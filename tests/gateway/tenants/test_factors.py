"""Second factors: enrolled, used at the door, taken off; recorded, mailed, and never shown."""

import json
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from audit.models import AuditRecord
from gateway.tenants import services
from gateway.tenants.models import User
from tests import people
from tests.doubles.authenticator import ORIGIN, PRESENT, Passkey
from tests.factories.factors import code_of, factors_of, with_app, with_passkey
from tests.factories.tenants import PASSWORD, InvitationFactory

pytestmark = pytest.mark.django_db
SECURITY = "/accounts/security/"
SECOND = f"{SECURITY}second-step/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def person() -> User:
    return people.ready().may


def signed_in(person: User) -> Client:
    """A browser whose person typed the password just now."""
    browser = Client()
    assert browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    return browser


def confirmed(person: User) -> Client:
    """The same, once more confirmed by the password."""
    browser = signed_in(person)
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return browser


def is_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def options_of(answer: Any) -> dict[str, Any]:
    return dict(json.loads(answer.context["options"]))


def actions_of(person: User) -> list[str]:
    rows = AuditRecord.objects.filter(target_id=person.public_id).order_by("id")
    return [row.action for row in rows]


def test_an_app_is_added_with_a_code_and_comes_with_recovery_codes_shown_once(
    person: User, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    browser = confirmed(person)
    secret = browser.get(f"{SECURITY}app/add/").context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        code = code_of(secret, at=time.time())
        added = browser.post(f"{SECURITY}app/add/", {"code": code}, follow=True)
    codes = added.context["unused_codes"]
    assert len(codes) == 10
    assert all(code in added.content.decode() for code in codes)
    again = browser.get(f"{SECURITY}codes/").content.decode()
    assert not any(code in again for code in codes)
    assert actions_of(person)[-2:] == ["tenants.factor.added", "tenants.factor.codes_made"]
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert "authenticator app was added" in mail.outbox[0].body
    stored = str(Authenticator.objects.values_list("data", flat=True))
    records = str(AuditRecord.objects.values_list("body", flat=True))
    assert secret not in stored + records


def test_a_wrong_code_adds_no_app(person: User) -> None:
    browser = confirmed(person)
    browser.get(f"{SECURITY}app/add/")
    assert browser.post(f"{SECURITY}app/add/", {"code": "000000"}).status_code == 200
    assert factors_of(person) == {}


def test_adding_a_factor_asks_for_a_fresh_proof_first(person: User) -> None:
    browser = signed_in(person)
    for page in ("app/add/", "passkeys/add/"):
        assert browser.get(SECURITY + page)["Location"].startswith("/accounts/reauthenticate/")


def test_the_second_step_takes_a_code_once(person: User) -> None:
    secret = with_app(person)
    code, browser = code_of(secret, at=time.time()), signed_in(person)
    assert not is_in(browser)
    assert browser.post(SECOND, {"code": "000000"}).status_code == 422
    assert browser.post(SECOND, {"code": code}).status_code == 302
    assert is_in(browser)
    other = signed_in(person)
    assert other.post(SECOND, {"code": code}).status_code == 422
    assert not is_in(other)
    record = AuditRecord.objects.filter(action="tenants.user.signed_in").latest("id")
    assert json.loads(record.body)["meta"]["methods"] == ["mfa:totp", "password"]


def test_a_recovery_code_opens_the_account_once(person: User) -> None:
    browser = confirmed(person)
    secret = browser.get(f"{SECURITY}app/add/").context["form"].secret
    code = code_of(secret, at=time.time())
    codes = browser.post(f"{SECURITY}app/add/", {"code": code}, follow=True).context["unused_codes"]
    for wanted in (True, False):
        other = signed_in(person)
        other.post(SECOND, {"code": codes[0]})
        assert is_in(other) is wanted


def test_guessing_codes_is_stopped(person: User) -> None:
    with_app(person)
    browser = signed_in(person)
    said = [browser.post(SECOND, {"code": f"{n:06}"}).content.decode() for n in range(7)]
    assert "Incorrect code" in said[0]
    assert "Too many" in said[-1]


def test_a_passkey_is_added_and_signs_in_without_a_password(person: User) -> None:
    browser, passkey = confirmed(person), Passkey()
    options = options_of(browser.get(f"{SECURITY}passkeys/add/"))
    assert options["publicKey"]["authenticatorSelection"]["userVerification"] == "required"
    posted = {"name": "My phone", "credential": passkey.register(options)}
    assert browser.post(f"{SECURITY}passkeys/add/", posted).status_code == 302
    assert "My phone" in browser.get(SECURITY).content.decode()
    assert "tenants.factor.added" in actions_of(person)

    other = Client()
    door = f"{SECURITY}passkeys/sign-in/"
    asked = other.get(door, headers=JSON).json()["request_options"]["publicKey"]
    other.post(door, {"credential": json.dumps(passkey.sign(asked))})
    assert is_in(other)


@pytest.mark.parametrize("wrong", ["not verified", "another site", "another challenge"])
def test_a_passkey_that_is_not_right_is_not_added(person: User, wrong: str) -> None:
    browser = confirmed(person)
    passkey = Passkey(origin="http://evil.localhost:8000" if wrong == "another site" else ORIGIN)
    options = options_of(browser.get(f"{SECURITY}passkeys/add/"))
    if wrong == "another challenge":
        options["publicKey"]["challenge"] = "A" * 43
    credential = passkey.register(
        options, **({"flags": PRESENT} if wrong == "not verified" else {})
    )
    answer = browser.post(f"{SECURITY}passkeys/add/", {"name": "x", "credential": credential})
    assert answer.status_code == 200
    assert factors_of(person) == {}


@pytest.mark.parametrize("wrong", ["", "replay", "another site", "not verified", "copy"])
def test_the_second_step_takes_a_passkey_only_when_all_is_right(person: User, wrong: str) -> None:
    passkey = with_passkey(person)
    browser = signed_in(person)
    asked = options_of(browser.get(SECOND))["publicKey"]
    how: dict[str, Any] = {
        "another site": {"origin": "http://sub.localhost:8000"},
        "not verified": {"flags": PRESENT},
        "copy": {"counter": 0},
    }.get(wrong, {})
    if wrong in {"copy", "replay"}:
        first = signed_in(person)
        used = passkey.sign(options_of(first.get(SECOND))["publicKey"])
        first.post(SECOND, {"credential": json.dumps(used)})
        assert is_in(first)
    credential = used if wrong == "replay" else passkey.sign(asked, **how)
    browser.post(SECOND, {"credential": json.dumps(credential)})
    assert is_in(browser) is (wrong == "")
    if wrong == "copy":
        assert "tenants.factor.refused" in actions_of(person)


@pytest.mark.parametrize(
    "posted", ["nonsense", "[]", "{}", '{"id": 1}', '{"rawId": "a", "response": {}}']
)
def test_what_is_no_passkeys_answer_is_an_error_of_the_form(person: User, posted: str) -> None:
    with_passkey(person)
    browser = signed_in(person)
    browser.get(SECOND)
    assert browser.post(SECOND, {"credential": posted}).status_code == 422
    assert Client().post(f"{SECURITY}passkeys/sign-in/", {"credential": posted}).status_code == 302


def test_taking_a_factor_off_asks_for_the_factor_and_not_for_the_password(person: User) -> None:
    secret = with_app(person)
    browser = signed_in(person)
    browser.post(SECOND, {"code": code_of(secret, at=time.time() - 30)})
    led = browser.get(f"{SECURITY}app/remove/")
    assert led["Location"].startswith(f"{SECURITY}by-code/")
    by_password = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert by_password["Location"].startswith(f"{SECURITY}by-code/")
    assert browser.get(f"{SECURITY}app/remove/").status_code == 302
    browser.post(f"{SECURITY}by-code/", {"code": code_of(secret, at=time.time())})
    assert browser.post(f"{SECURITY}app/remove/").status_code == 302
    assert factors_of(person) == {}
    assert actions_of(person)[-1] == "tenants.factor.removed"


def test_a_passkey_proves_who_removes_it(person: User) -> None:
    passkey = with_passkey(person)
    browser = signed_in(person)
    asked = options_of(browser.get(SECOND))["publicKey"]
    browser.post(SECOND, {"credential": json.dumps(passkey.sign(asked))})
    row = factors_of(person)["webauthn"]
    remove = f"{SECURITY}passkeys/{row.pk}/remove/"
    led = browser.get(remove)["Location"]
    assert led.startswith(f"{SECURITY}by-passkey/")
    key = browser.session.session_key
    asked = options_of(browser.get(led))["publicKey"]
    back = browser.post(led, {"credential": json.dumps(passkey.sign(asked)), "next": remove})
    assert back["Location"] == remove
    assert browser.session.session_key != key
    browser.post(remove)
    assert factors_of(person) == {}


def test_nobody_reaches_another_persons_passkey(person: User) -> None:
    other = people.person(people.ready().environment, "reviewer")
    with_passkey(other)
    row, browser = factors_of(other)["webauthn"], confirmed(person)
    for what in ("remove", "rename"):
        page = f"{SECURITY}passkeys/{row.pk}/{what}/"
        assert browser.get(page).status_code == 404
        assert browser.post(page, {"name": "mine"}).status_code == 404


@pytest.mark.parametrize("demand", ["optional", "reviewers", "everyone"])
def test_who_owes_a_factor_sees_the_page_where_it_is_added_and_nothing_else(
    settings: Any, demand: str
) -> None:
    settings.SECOND_FACTOR = demand
    here = people.ready()
    desk = f"/{here.environment.tenant.slug}/{here.environment.slug}/inbox/"
    for person, owes in ((here.may, demand != "optional"), (here.may_not, demand == "everyone")):
        browser = confirmed(person)
        answer = browser.get(desk)
        assert answer.status_code == (302 if owes else 200)
        if not owes:
            continue
        assert answer["Location"] == SECURITY
        assert browser.get("/admin/")["Location"] == SECURITY
        where = {"Countersign-Environment": "/".join(desk.split("/")[1:3])}
        refused = browser.get("/api/v1/actions", headers=where)
        assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_owed")
        assert "asks for a second factor" in browser.get(SECURITY).content.decode()
        with_app(person)
        assert browser.get(desk).status_code == 200
        assert not services.is_owed(person)


def test_an_invitation_and_a_password_are_no_way_around_the_second_factor(person: User) -> None:
    with_app(person)
    theirs = people.ready()
    InvitationFactory(
        tenant=theirs.environment.tenant, email=person.email, invited_by=theirs.admin,
        roles={theirs.environment.slug: ["viewer"]}, token="join_abc",
    )  # fmt: skip
    browser = Client()
    answer = browser.post("/accounts/invitations/join_abc/", {"password": PASSWORD})
    assert answer["Location"] == "/accounts/login/"
    assert not is_in(browser)
    assert person.memberships.filter(tenant=theirs.environment.tenant).exists()


def test_who_has_no_password_gets_none_by_mail_or_by_asking(person: User, settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    Client().post("/accounts/password/reset/", {"email": person.email})
    assert len(mail.outbox) == 1
    person.set_unusable_password()
    person.save()
    Client().post("/accounts/password/reset/", {"email": person.email})
    assert len(mail.outbox) == 1
    browser = Client()
    browser.force_login(person)
    posted = {"password1": "quiet-harbour-lamp-77", "password2": "quiet-harbour-lamp-77"}
    assert browser.post("/accounts/password/set/", posted)["Location"] == SECURITY
    person.refresh_from_db()
    assert not person.has_usable_password()
