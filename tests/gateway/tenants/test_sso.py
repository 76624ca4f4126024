"""Single sign-on against a provider over HTTP: who comes in, who does not, and what is believed."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client

from audit.models import AuditRecord
from gateway import env
from gateway.tenants.models import Member, User
from gateway.tenants.roles import Role
from tests import people
from tests.doubles.identity import CLIENT_ID, CLIENT_SECRET, Identity, key_of
from tests.doubles.serving import Said, serving
from tests.factories.factors import code_of, with_app
from tests.factories.tenants import InvitationFactory, MemberFactory
from tests.people import People

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/sso/login/"
WRONG_KEY = key_of("somebody else")


@pytest.fixture
def here(settings: Any) -> People:
    made = people.ready()
    settings.OIDC_TENANT = made.environment.tenant.slug
    settings.OIDC_GROUPS = {"desk": [(made.environment.slug, "reviewer")]}
    return made


@pytest.fixture
def provider(settings: Any) -> Iterator[Identity]:
    with serving(Identity()) as double:
        settings.OIDC_ISSUER = double.url
        settings.SOCIALACCOUNT_PROVIDERS = env.identity_provider(
            double.url, CLIENT_ID, CLIENT_SECRET
        )
        yield double


def sent_back(provider: Identity, browser: Client, *, query: str = "") -> str:
    led = browser.get(LOGIN + query)
    assert led.status_code == 302, led.content
    return provider.consent(led["Location"]).removeprefix("http://testserver")


def come(provider: Identity, browser: Client | None = None, **person: Any) -> tuple[Client, Any]:
    """A browser of somebody whom the provider describes so, and the answer when they came back."""
    browser = browser or Client()
    provider.person = {"sub": "s-1", "email_verified": True, "name": "Nia New", **person}
    return browser, browser.get(sent_back(provider, browser))


def is_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def test_a_member_with_a_verified_address_is_linked_and_signed_in(
    here: People, provider: Identity
) -> None:
    browser, answer = come(provider, email=here.may.email.upper())
    assert (answer.status_code, is_in(browser)) == (302, True)
    account = SocialAccount.objects.get()
    assert (account.user, account.uid, account.provider) == (here.may, "s-1", "sso")
    assert account.extra_data == {}
    assert not SocialToken.objects.exists()
    actions = AuditRecord.objects.values_list("action", flat=True)
    assert {"tenants.user.sso_linked", "tenants.user.signed_in"} <= set(actions)
    # From now on the subject counts, not the address.
    again, _ = come(provider, email="other@example.com", email_verified=False)
    assert again.session["_auth_user_id"] == str(here.may.pk)
    assert SocialAccount.objects.get().extra_data.get("id_token", {}).keys() <= {"sub"}


def test_the_way_leads_back_to_where_it_began_and_to_no_other_site(
    here: People, provider: Identity
) -> None:
    provider.person = {"sub": "s-1", "email_verified": True, "email": here.may.email}
    for query, wanted in (("?next=/accounts/sessions/", "/accounts/sessions/"),
                          ("?next=https://evil.example/", "/")):  # fmt: skip
        browser = Client()
        assert browser.get(sent_back(provider, browser, query=query))["Location"] == wanted


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_links_nobody(
    here: People, provider: Identity, verified: Any
) -> None:
    browser, answer = come(provider, email=here.may.email, email_verified=verified)
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert "has not verified" in answer.content.decode()
    assert not SocialAccount.objects.exists()


def test_nobody_signs_up(here: People, provider: Identity) -> None:
    count = User.objects.count()
    browser, answer = come(provider, email="stranger@example.com")
    assert (answer.status_code, is_in(browser), User.objects.count()) == (403, False, count)
    assert "ask an administrator" in answer.content.decode()
    refusal = AuditRecord.objects.filter(action="tenants.user.sso_linked").get()
    assert (refusal.outcome, "stranger@" in refusal.body) == ("refused", False)


def test_the_invited_join_as_the_invitation_says(here: People, provider: Identity) -> None:
    invited = InvitationFactory(
        tenant=here.environment.tenant, invited_by=here.admin,
        roles={here.environment.slug: ["operator"]},
    )  # fmt: skip
    browser, _ = come(provider, email=invited.email)
    member = Member.objects.get(user__email=invited.email)
    assert is_in(browser)
    assert member.roles_in(here.environment) == {"operator"}
    assert (member.user.name, member.user.has_usable_password()) == ("Nia New", False)
    invited.refresh_from_db()
    assert invited.accepted_at is not None


def test_an_invitation_of_somebody_who_may_not_invite_any_more_opens_nothing(
    here: People, provider: Identity
) -> None:
    invited = InvitationFactory(
        tenant=here.environment.tenant, invited_by=here.may_not,
        roles={here.environment.slug: ["admin"]},
    )  # fmt: skip
    assert not is_in(come(provider, email=invited.email)[0])


def test_groups_let_newcomers_in_with_the_mapped_roles(here: People, provider: Identity) -> None:
    browser, _ = come(provider, email="new@example.com", groups=["desk", "others"])
    assert is_in(browser)
    member = Member.objects.get(user__email="new@example.com")
    assert member.roles_in(here.environment) == {Role.REVIEWER}
    assert not is_in(come(provider, sub="s-2", email="n2@example.com", groups=["others"])[0])


@pytest.mark.parametrize("who", ["stranger", "deactivated", "superuser", "in two tenants"])
def test_whom_this_provider_has_no_say_over_stays_out(
    here: People, provider: Identity, who: str
) -> None:
    person = here.stranger if who == "stranger" else here.may
    if who == "deactivated":
        Member.objects.filter(user=person).update(deactivated_at="2026-01-01T00:00Z")
    if who == "superuser":
        User.objects.filter(pk=person.pk).update(is_superuser=True)
    if who == "in two tenants":
        MemberFactory(user=person, tenant=here.elsewhere.tenant)
    browser, answer = come(provider, email=person.email, groups=["desk"])
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert not SocialAccount.objects.exists()


def test_who_was_linked_and_then_removed_stays_out(here: People, provider: Identity) -> None:
    come(provider, email=here.may.email)
    Member.objects.filter(user=here.may).update(deactivated_at="2026-01-01T00:00Z")
    assert not is_in(come(provider, email=here.may.email)[0])


def test_a_second_account_there_is_not_linked_to_the_same_person(
    here: People, provider: Identity
) -> None:
    come(provider, email=here.may.email)
    assert not is_in(come(provider, sub="s-2", email=here.may.email)[0])


def test_a_second_factor_is_asked_for_as_after_a_password(here: People, provider: Identity) -> None:
    secret = with_app(here.may)
    browser, answer = come(provider, email=here.may.email)
    assert answer["Location"] == "/accounts/security/second-step/"
    assert not is_in(browser)
    browser.post(answer["Location"], {"code": code_of(secret, at=time.time())})
    assert is_in(browser)


@pytest.mark.parametrize(
    "wrong",
    [
        # Without its name the key's address would be in the test's, another in each process.
        pytest.param({"signs": WRONG_KEY}, id="signed by another key"),
        {"algorithm": "HS256", "signs": "x" * 32},
        {"algorithm": "none", "signs": ""},
        {"token": {"iss": "https://other.example"}},
        {"token": {"aud": "another-app"}},
        {"token": {"azp": "another-app"}},
        {"token": {"exp": 1}},
        {"token": {"exp": None}},
        {"token": {"sub": None}},
        {"described": {"issuer": "https://other.example"}},
    ],
    ids=str,
)  # fmt: skip
def test_an_id_token_that_is_not_right_signs_nobody_in(
    here: People, provider: Identity, wrong: dict[str, Any]
) -> None:
    browser = Client()
    provider.person = {"sub": "s-1", "email_verified": True, "email": here.may.email}
    back = sent_back(provider, browser)
    for name, value in wrong.items():
        setattr(provider, name, value)
    answer = browser.get(back)
    assert (answer.status_code, is_in(browser)) == (403, False)


def test_details_count_only_for_the_same_subject(here: People, provider: Identity) -> None:
    provider.details = {"sub": "s-2", "email": here.may.email, "email_verified": True}
    assert not is_in(come(provider, email=None)[0])
    provider.details["sub"] = "s-1"
    assert is_in(come(provider, email=None, email_verified=None)[0])


def test_a_code_of_somebody_elses_browser_opens_nothing(here: People, provider: Identity) -> None:
    mine, theirs = Client(), Client()
    provider.person = {"sub": "s-1", "email_verified": True, "email": here.may.email}
    back = sent_back(provider, theirs)
    sent_back(provider, mine)
    assert mine.get(back).status_code == 403
    assert not is_in(mine)


@pytest.mark.parametrize("trouble", ["denied", "broken"])
def test_a_provider_that_says_no_or_breaks_is_a_page_and_not_an_error(
    here: People, provider: Identity, trouble: str
) -> None:
    browser = Client()
    back = sent_back(provider, browser)
    if trouble == "denied":
        back = back.partition("?")[0] + "?error=access_denied&" + back.partition("&")[2]
    else:
        provider.codes.clear()
    answer = browser.get(back)
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert "Back to sign-in" in answer.content.decode()


def test_a_provider_that_is_away_is_a_page_and_not_an_error(
    here: People, provider: Identity
) -> None:
    provider.before.append(Said(503))
    assert Client().get(LOGIN).status_code == 403


def test_who_is_signed_in_links_no_account_by_asking_for_it(
    here: People, provider: Identity
) -> None:
    browser = Client()
    browser.force_login(here.admin)
    provider.person = {"sub": "s-9", "email_verified": True, "email": "boss@example.com"}
    answer = browser.get(sent_back(provider, browser, query="?process=connect"))
    assert answer.status_code == 403
    assert not SocialAccount.objects.exists()


def test_without_a_provider_there_is_no_such_door(here: People) -> None:
    assert Client().get(LOGIN).status_code == 404
    assert "Sign in with" in Client().get("/accounts/login/").content.decode()
    assert LOGIN not in Client().get("/accounts/login/").content.decode()


def test_the_sign_in_page_offers_the_organisations_door(here: People, provider: Identity) -> None:
    shown = Client().get("/accounts/login/?next=/accounts/sessions/").content.decode()
    assert f'href="{LOGIN}?next=%2Faccounts%2Fsessions%2F"' in shown


def test_who_came_by_it_long_ago_comes_in_again_before_adding_a_factor(
    here: People, provider: Identity
) -> None:
    User.objects.filter(pk=here.may.pk).update(password="!")
    browser, _ = come(provider, email=here.may.email)
    assert browser.get("/accounts/security/app/add/").status_code == 200
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    assert browser.get("/accounts/security/app/add/")["Location"] == "/accounts/login/"
    assert not is_in(browser)


def test_groups_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_X", "a=p:reviewer s:admin, cn=b,ou=c=p:viewer")
    with pytest.raises(env.BadSetting):
        env.group_roles("COUNTERSIGN_X")
    monkeypatch.setenv("COUNTERSIGN_X", "a=p:reviewer s:admin, b=p:viewer")
    found = env.group_roles("COUNTERSIGN_X")
    assert json.dumps(found) == '{"a": [["p", "reviewer"], ["s", "admin"]], "b": [["p", "viewer"]]}'
