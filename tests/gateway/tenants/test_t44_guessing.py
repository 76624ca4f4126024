"""T44: ten wrong passwords a minute of one address, five in five minutes at one account."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connections
from django.test import Client

from gateway.tenants.models import User
from tests import people
from tests.factories.factors import code_of, with_app, with_passkey
from tests.factories.tenants import PASSWORD
from tests.gateway.lib.test_cache import folder, server  # noqa: F401 - a fixture

# The counts are in the cache.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
DOOR, SECOND, RESET = (
    "/accounts/login/",
    "/accounts/security/second-step/",
    "/accounts/password/reset/",
)
OF_AN_ADDRESS, OF_AN_ACCOUNT, RESETS_OF_AN_ADDRESS, RESETS_OF_A_MAILBOX = 10, 5, 20, 5
NEW = "quiet-harbour-lamp-77"
HERE = "192.0.2.1"
PROXY = "10.0.0.1"


def guess(login: str, *, at: str = DOOR, peer: str = HERE, **headers: str) -> Any:
    """One wrong password."""
    browser = Client(headers={name.replace("_", "-"): value for name, value in headers.items()})
    return browser.post(at, {"login": login, "password": "no"}, REMOTE_ADDR=peer)


def from_somewhere(n: int) -> str:
    """An address of a network of its own."""
    return f"2001:db8:{n:x}::1" if n % 2 else f"198.51.{n}.7"


def spoofed(name: str) -> Callable[[int], dict[str, str]]:
    return lambda n: {name: f"198.51.100.{n}"}


ALONE = {
    "x-forwarded-for": spoofed("x_forwarded_for"),
    "x-forwarded-for, a chain": lambda n: {"x_forwarded_for": f"198.51.100.{n}, 203.0.113.{n}"},
    "forwarded": lambda n: {"forwarded": f"for=198.51.100.{n};proto=https"},
    **{
        name.replace("_", "-"): spoofed(name)
        for name in ("x_real_ip", "client_ip", "x_client_ip", "true_client_ip", "cf_connecting_ip",
                     "x_cluster_client_ip", "x_original_forwarded_for", "x_remote_addr", "via")
    },
    "a host with another port": lambda n: {"host": f"testserver:{1000 + n}"},
    "a network of one /64": lambda n: {"peer": f"2001:db8:1:2:{n:x}::{n:x}"},
    "a whole /64": lambda n: {"peer": f"2001:db8:1:2:ffff:{n * 1001:x}:{n:x}:1"},
    "notations of one address": lambda n: {
        "peer": ("2001:db8::1", "2001:DB8::1", "2001:db8:0:0::1", "2001:0db8::0001")[n % 4]
    },
    "zones of one address": lambda n: {"peer": f"fe80::1%eth{n}"},
    "an IPv4 address in IPv6": lambda n: {"peer": HERE if n % 2 else f"::ffff:{HERE}"},
}  # fmt: skip


@pytest.mark.parametrize("how", ALONE)
def test_an_address_guesses_ten_times_a_minute_without_a_proxy(checked, how):
    for n in range(20):
        guess(f"who-{n}@example.com", **ALONE[how](n))
    assert len(checked) == OF_AN_ADDRESS


BEHIND = {
    "invented places before": lambda n: f"198.51.100.{n}, {HERE}",
    "many invented places": lambda n: ", ".join([f"198.51.100.{n}"] * 50 + [HERE]),
    "empty places": lambda n: f"198.51.100.{n}," + "," * n + f" {HERE}",
    "ports": lambda n: f"{HERE}:{4000 + n}",
    "quotes and blanks": lambda n: (f'"{HERE}"', f" {HERE}\t", f"::ffff:{HERE}", HERE)[n % 4],
    "brackets": lambda n: f"[2001:db8:1:2::{n:x}]:{4000 + n}",
    "a network of one /64": lambda n: f"2001:DB8:1:2:{n:x}::1",
    "words that are no address": lambda n: f"198.51.100.{n}, _hidden{n}",
    "an end that is empty": lambda n: f"198.51.100.{n},",
}


@pytest.mark.parametrize("how", BEHIND)
def test_an_address_guesses_ten_times_a_minute_behind_a_proxy(checked, settings, how):
    settings.TRUSTED_PROXIES = 1
    for n in range(20):
        others = {"x_real_ip": f"198.51.100.{n}", "forwarded": f"for=198.51.100.{n}"}
        guess(f"who-{n}@example.com", peer=PROXY, x_forwarded_for=BEHIND[how](n), **others)
    assert len(checked) == OF_AN_ADDRESS


@pytest.mark.parametrize(
    "other", ["192.0.2.2", "::ffff:192.0.2.2", "2001:db8:1:3::1", "::ffff:192.0.3.1"]
)
def test_who_comes_from_elsewhere_is_not_held_up(checked, other):
    for n in range(12):
        guess(f"who-{n}@example.com", peer=f"::ffff:{HERE}")
    assert len(checked) == OF_AN_ADDRESS
    guess("who@example.com", peer=other)
    assert len(checked) == OF_AN_ADDRESS + 1


PATHS = [
    DOOR, "/accounts/login", "//accounts/login/", "/accounts//login/", "/accounts/login//",
    "/Accounts/Login/", "/accounts/%6cogin/", "/accounts/./login/", "/accounts/login/?next=/a/",
    "/accounts/login/%2e", "/accounts/login/;a=b", "/admin/login/", "/accounts/login/.json",
]  # fmt: skip


def test_no_way_of_writing_the_address_of_the_page_gives_more(checked):
    for n in range(12 * len(PATHS)):
        guess(f"who-{n}@example.com", at=PATHS[n % len(PATHS)])
    assert len(checked) == OF_AN_ADDRESS


def test_no_method_gives_more(checked):
    browser = Client(REMOTE_ADDR=HERE)
    for n in range(20):
        fields = {"login": f"who-{n}@example.com", "password": "no"}
        browser.post(DOOR, fields)
        browser.post(DOOR, fields, headers={"X-HTTP-Method-Override": "GET"})
        browser.get(DOOR, fields)
        browser.head(DOOR, fields)
        for method in ("put", "patch", "delete", "options", "trace"):
            getattr(browser, method)(DOOR)
        browser.put(DOOR, f"login=who-{n}@example.com&password=no",
                    content_type="application/x-www-form-urlencoded")  # fmt: skip
    # Requests of other methods are counted as well, so that fewer passwords are compared.
    assert 0 < len(checked) <= OF_AN_ADDRESS


def test_an_account_is_guessed_at_five_times_from_anywhere_and_however_it_is_written(checked):
    email = people.ready().may.email
    written = [email, email.upper(), email.title(), f" {email}", f"{email} ", email.swapcase()]
    for n in range(20):
        hosts = ("testserver", "TESTSERVER", f"testserver:{n}", "testserver.")
        guess(written[n % len(written)], peer=from_somewhere(n), host=hosts[n % len(hosts)])
    assert len(checked) == OF_AN_ACCOUNT


def test_codes_of_an_account_are_guessed_at_five_times_from_anywhere(checked):
    person = people.ready().may
    with_app(person)
    said = []
    for n in range(20):
        browser = Client(REMOTE_ADDR=from_somewhere(n), headers={"Host": f"testserver:{n + 1}"})
        browser.post(DOOR, {"login": person.email, "password": PASSWORD})
        said.append(browser.post(SECOND, {"code": f"{n:06}"}).content.decode())
    assert sum("Incorrect code" in page for page in said) == OF_AN_ACCOUNT
    assert sum("Too many" in page for page in said) == 20 - OF_AN_ACCOUNT


def entered(person: User) -> Client:
    """A browser whose person typed the right password at the same address."""
    browser = Client(REMOTE_ADDR=HERE)
    browser.post(DOOR, {"login": person.email, "password": PASSWORD})
    return browser


def by_password(person: User) -> Client:
    return entered(person)


def by_code(person: User) -> Client:
    code, browser = code_of(with_app(person), at=time.time()), entered(person)
    browser.post(SECOND, {"code": code})
    return browser


def by_passkey(person: User) -> Client:
    passkey, browser = with_passkey(person), entered(person)
    asked = json.loads(browser.get(SECOND).context["options"])["publicKey"]
    browser.post(SECOND, {"credential": json.dumps(passkey.sign(asked))})
    return browser


def by_mail(person: User) -> Client:
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    browser = Client(REMOTE_ADDR=HERE)
    browser.post(RESET, {"email": person.email})
    link = re.search(r"http://[^/]+(/\S+)", mail.outbox[-1].body)
    form = browser.get(link[1])["Location"]
    browser.post(form, {"password1": NEW, "password2": NEW})
    browser.post(DOOR, {"login": person.email, "password": NEW})
    return browser


@pytest.mark.parametrize("sign_in", [by_password, by_code, by_passkey, by_mail])
def test_who_signs_in_between_guesses_guesses_no_more(checked, settings, sign_in):
    settings.EMAIL_URL = "smtp://mail.example"
    person = people.ready().may
    for n in range(7):
        guess(f"who-{n}@example.com")
    assert "_auth_user_id" in sign_in(person).session
    for n in range(7, 25):
        guess(f"who-{n}@example.com")
    assert len(checked) == OF_AN_ADDRESS


def test_who_sets_a_new_password_by_mail_is_let_in_after_too_many_failures(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    person = people.ready().may
    for n in range(8):
        guess(person.email, peer=from_somewhere(n))
    assert "_auth_user_id" not in entered(person).session
    assert "_auth_user_id" in by_mail(person).session


def test_a_mailbox_gets_five_mails_a_minute_and_an_address_asks_for_twenty(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    someone, *others = [people.person(people.ready().environment) for _ in range(25)]

    def ask(email: str, **headers: str) -> int:
        browser = Client(headers=headers)
        peer = headers.pop("peer", HERE)
        return browser.post(RESET, {"email": email}, REMOTE_ADDR=peer).status_code

    for n in range(12):
        written = (someone.email, someone.email.upper(), f" {someone.email} ")[n % 3]
        ask(written, peer=from_somewhere(n), host=f"testserver:{n + 1}")
    assert len(mail.outbox) == RESETS_OF_A_MAILBOX
    mail.outbox.clear()
    for n, other in enumerate(others):
        ask(other.email, peer=f"2001:db8:1:2:{n:x}::1", x_forwarded_for=f"198.51.100.{n}")
    assert len(mail.outbox) == RESETS_OF_AN_ADDRESS


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_counted_in_redis(checked, settings, folder):  # noqa: F811 - the fixture
    email = people.ready().may.email

    def one(n: int) -> None:
        try:
            guess(email if n % 2 else f"who-{n}@example.com", x_real_ip=from_somewhere(n))
        finally:
            connections.close_all()

    with server(folder):
        cache = "gateway.lib.cache.RedisOrMemoryCache"
        where = f"unix://{folder / 'redis.sock'}"
        settings.CACHES = {"default": {"BACKEND": cache, "LOCATION": where}}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(40)))
        del settings.CACHES
    assert 0 < len(checked) <= OF_AN_ADDRESS


OTHER_DOORS = {
    "/accounts/security/passkeys/sign-in/": ({"credential": "{}"}, 10),
    "/accounts/password/reset/key/abc-def/": ({"password1": NEW, "password2": NEW}, 20),
}


@pytest.mark.parametrize("door", OTHER_DOORS)
def test_the_other_doors_hold_their_limit_of_an_address(door):
    fields, limit = OTHER_DOORS[door]
    statuses = [
        Client(headers={"X-Forwarded-For": f"198.51.100.{n}", "Host": f"testserver:{n + 1}"})
        .post(door, fields, REMOTE_ADDR=f"2001:db8:1:2:{n:x}::1")
        .status_code
        for n in range(limit + 5)
    ]
    assert statuses.count(429) == 5, statuses


def test_a_stolen_session_guesses_five_times_at_the_password_from_anywhere(checked):
    person = people.ready().may
    browser = entered(person)
    for n in range(15):
        browser.post(
            "/accounts/reauthenticate/", {"password": f"no {n}"},
            REMOTE_ADDR=from_somewhere(n), headers={"Host": f"testserver:{n + 1}"},
        )  # fmt: skip
    assert len(checked) == OF_AN_ACCOUNT


def test_a_stolen_session_asks_for_another_password_five_times_a_minute_from_anywhere():
    browser = entered(people.ready().may)
    fields = {"oldpassword": "no", "password1": NEW, "password2": NEW}
    statuses = [
        browser.post("/accounts/password/change/", fields, REMOTE_ADDR=from_somewhere(n))
        .status_code
        for n in range(15)
    ]  # fmt: skip
    assert statuses.count(429) == 15 - OF_AN_ACCOUNT
