"""The environment's settings: its region and what counts as sensitive there."""

import pytest

from audit.models import AuditRecord
from tests import people
from tests.desk import at, signed_in, text

pytestmark = pytest.mark.django_db
STORED = [{"name": "customers", "words": ["Halden", "Lund"], "patterns": ["HS-[0-9]{6}"]}]


@pytest.fixture
def met():
    found = people.ready()
    found.environment.region, found.environment.word_lists = "eu", STORED
    found.environment.save()
    return found


def url(met):
    return at(met.environment, "tenants:environment")


def shown_form(page):
    """What a browser would post back without a change."""
    form, lists = page.context["form"], page.context["lists"]
    data = {name: form.initial[name] for name in ("region", "own_domains", "mark")}
    data |= {f"lists-{name}": value for name, value in lists.management_form.initial.items()}
    for one in lists:
        data |= {one.add_prefix(name): one.initial.get(name, "") for name in one.fields}
    return data


def test_an_admin_adds_a_list_and_the_others_stay(met):
    browser = signed_in(met.admin)
    data = shown_form(browser.get(url(met)))
    data |= {
        "region": "eu-central-1",
        "lists-1-name": "plans",
        "lists-1-words": "Aurora\n\n Borealis ",
    }

    assert browser.post(url(met), data).status_code == 302

    met.environment.refresh_from_db()
    assert met.environment.region == "eu-central-1"
    assert met.environment.word_lists == [
        *STORED,
        {"name": "plans", "words": ["Aurora", "Borealis"]},
    ]
    record = AuditRecord.objects.filter(action="tenants.environment.changed").get()
    assert "Aurora" not in str(vars(record))


def test_saving_what_is_shown_changes_nothing(met):
    browser = signed_in(met.admin)
    browser.post(url(met), shown_form(browser.get(url(met))))
    met.environment.refresh_from_db()
    assert met.environment.word_lists == STORED
    assert not AuditRecord.objects.filter(action="tenants.environment.changed").exists()


def test_an_emptied_list_is_removed(met):
    browser = signed_in(met.admin)
    data = shown_form(browser.get(url(met)))
    data |= {f"lists-0-{name}": "" for name in ("name", "words", "patterns")}
    browser.post(url(met), data)
    met.environment.refresh_from_db()
    assert met.environment.word_lists == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"region": "The Moon"}, "A region has"),
        ({"lists-0-name": "Not a name"}, "its name has"),
        ({"lists-0-name": ""}, "its name has"),
        ({"lists-0-words": "", "lists-0-patterns": ""}, "it needs a word or a pattern"),
        ({"lists-0-patterns": "("}, "List customers"),
        ({"mark": "0" * 64}, "Somebody saved meanwhile"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_saved(met, change, said):
    browser = signed_in(met.admin)
    answer = browser.post(url(met), shown_form(browser.get(url(met))) | change)
    assert answer.status_code == 422
    assert said in text(answer)
    met.environment.refresh_from_db()
    assert (met.environment.region, met.environment.word_lists) == ("eu", STORED)


def test_only_an_admin_has_the_page_and_its_link(met):
    for person in (met.may, met.may_not, met.operator):
        browser = signed_in(person)
        assert browser.get(url(met)).status_code == 403
        assert url(met) not in text(browser.get(at(met.environment, "approvals:inbox")))
    assert signed_in(met.stranger).get(url(met)).status_code == 404
    assert url(met) in text(signed_in(met.admin).get(at(met.environment, "approvals:inbox")))


def test_admins_see_how_people_sign_in_and_nothing_of_another_tenants(met, settings):
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_SECRET = (
        "https://login.example.com",
        "no-page-shows-it",
    )
    settings.OIDC_GROUPS = {"desk": [("production", "reviewer")]}
    settings.OIDC_TENANT, settings.SECOND_FACTOR = met.elsewhere.tenant.slug, "optional"
    browser = signed_in(met.admin)
    shown = text(browser.get(url(met)))
    assert "Not set up" in shown
    assert "login.example.com" not in shown
    settings.OIDC_TENANT = met.environment.tenant.slug
    shown = text(browser.get(url(met)))
    assert "https://login.example.com" in shown
    assert "reviewer in production" in shown
    assert "no-page-shows-it" not in shown


def test_an_admin_names_the_domains_that_are_ours(met):
    browser = signed_in(met.admin)
    data = shown_form(browser.get(url(met)))
    data["own_domains"] = "Shop.example, @example.com\n\nexample.com"
    assert browser.post(url(met), data).status_code == 302
    met.environment.refresh_from_db()
    assert met.environment.own_domains == ["example.com", "shop.example"]
    record = AuditRecord.objects.filter(action="tenants.environment.changed").get()
    assert "shop.example" in str(vars(record))


@pytest.mark.parametrize("name", ["localhost", "a b.example", "http://x.example", "x..example"])
def test_what_is_no_domain_is_refused_and_nothing_else_saved(met, name):
    browser = signed_in(met.admin)
    data = shown_form(browser.get(url(met))) | {"own_domains": name, "region": "us"}
    answer = browser.post(url(met), data)
    assert answer.status_code == 422
    assert "is no domain" in text(answer)
    met.environment.refresh_from_db()
    assert (met.environment.region, met.environment.own_domains) == ("eu", [])
