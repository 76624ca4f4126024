"""Connections on the desk: the list, the page, the forms; never a secret on any of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.connections.kinds import KINDS
from gateway.connections.models import Connection
from gateway.connections.services import archive
from tests import people
from tests.desk import at, signed_in, text
from tests.doubles.oauth import CLIENT_ID, CLIENT_SECRET
from tests.doubles.serving import Said
from tests.factories.connections import ConnectionFactory, TokenFactory
from tests.factories.tools import ToolFactory

pytestmark = pytest.mark.django_db
SECRET = "n3w-s3cret-of-the-shop"


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return signed_in(here.admin)


@pytest.fixture
def shop(here):
    return ConnectionFactory(environment=here.environment, slug="shop", name="The shop")


def page(here, connection, name="detail"):
    return at(here.environment, f"connections:{name}", connection=connection.public_id)


def filled(answer, **changes):
    form = answer.context["form"]
    sent = {field.html_name: field.value() for field in form}
    return {name: value for name, value in (sent | changes).items() if value not in (None, "")}


def test_the_list_says_how_each_stands_and_which_need_somebody(here, admin, shop):
    past = timezone.now() - timedelta(days=100)
    old = ConnectionFactory(
        environment=here.environment, slug="old", rotated_at=past, rotate_after_days=90
    )
    TokenFactory(
        connection=ConnectionFactory(
            environment=here.environment, slug="gone", kind="oauth2_client_credentials"
        ),
        is_refused=True, error="invalid_client",
    )  # fmt: skip
    archive(ConnectionFactory(environment=here.environment, slug="ended"))
    shown = text(admin.get(at(here.environment, "connections:list")))
    for words in ("Ready", "Rotation due", "Gets no token", "2 need attention", "than 90 days"):
        assert words in shown
    assert "ended" not in shown
    listed = text(admin.get(at(here.environment, "connections:list") + "?state=attention"))
    assert (old.public_id in listed, shop.public_id in listed) == (True, False)
    assert "ended" in text(admin.get(at(here.environment, "connections:list") + "?state=archived"))


def test_the_list_is_exported_and_that_is_recorded(here, admin, shop):
    answer = admin.get(at(here.environment, "connections:list") + "?format=csv")
    assert "shop,The shop,bearer,ready" in text(answer)
    assert AuditRecord.objects.filter(action="audit.records.exported").count() == 1


def test_the_page_names_its_tools_limits_and_age(here, admin, shop):
    tool = ToolFactory(environment=here.environment, name="refund", current__connection=shop)
    Connection.objects.filter(pk=shop.pk).update(limits={"total_s": 7.5, "attempts": 2})
    shown = text(admin.get(page(here, shop)))
    for words in (tool.public_id, "7.5", "Time for the whole call", shop.fingerprint[:6]):
        assert words in shown


def test_what_a_service_announces_is_shown_inert(here, admin, authority):
    made = ConnectionFactory(
        environment=here.environment, config={"check_url": f"{authority.url}/api/me"}
    )
    ends = {"Deprecation": "@1688169599", "Sunset": "<b>soon</b>"}
    authority.before = [Said(200, {"ok": True}, ends)]
    admin.post(page(here, made, "check"))
    shown = text(admin.get(page(here, made)))
    for words in ("deprecated", "will end", "&lt;b&gt;soon&lt;/b&gt;", authority.host_port):
        assert words in shown


def test_an_open_breaker_is_shown_with_what_failed(here, admin, authority):
    made = ConnectionFactory(
        environment=here.environment, config={"check_url": f"{authority.url}/api/me"},
        limits={"failures": 1},
    )  # fmt: skip
    authority.before = [Said(500), Said(500)]
    admin.post(page(here, made, "check"))
    shown = text(admin.get(page(here, made)))
    assert "Broken off" in shown
    assert authority.host_port in shown


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.has_consent])
def test_the_form_asks_only_for_what_the_kind_needs(here, admin, kind):
    shown = admin.get(at(here.environment, "connections:new") + f"?kind={kind.name}")
    asked = {name.removeprefix("config:") for name in shown.context["form"].fields if ":" in name}
    asked = {name for name in asked if not name.startswith("limit:")}
    assert asked == {field.name for field in kind.fields}


def test_a_presets_form_asks_for_the_client_the_shop_and_what_may_differ(here, admin):
    shown = admin.get(at(here.environment, "connections:new") + "?preset=shopify")
    asked = [name for name in shown.context["form"].fields if name.startswith("config:")]
    assert asked == [
        "config:place", "config:client_id", "config:scopes", "config:version_header",
        "config:hosts",
    ]  # fmt: skip
    assert "/connections/callback/" in text(shown)


def test_a_new_connection_is_made_by_the_form_and_its_value_never_shown(here, admin, authority):
    url = at(here.environment, "connections:new") + "?kind=oauth2_client_credentials"
    sent = filled(admin.get(url), **{
        "slug": "erp", "config:client_id": CLIENT_ID, "config:token_url": f"{authority.url}/token",
        "value": CLIENT_SECRET, "limit:total_s": "12",
    })  # fmt: skip
    answer = admin.post(url, sent, follow=True)
    made = Connection.objects.get()
    assert (made.slug, made.limits) == ("erp", {"total_s": 12.0})
    assert CLIENT_SECRET not in text(answer)
    tried = text(admin.post(page(here, made, "check"), follow=True))
    assert "The service issues a token" in tried


@pytest.mark.parametrize("kind", ["bearer", "github_app"])
def test_a_mistake_is_shown_at_its_field_and_the_secret_is_not_repeated(here, admin, kind):
    url = at(here.environment, "connections:new") + f"?kind={kind}"
    sent = filled(admin.get(url), **{
        "slug": "x", "value": SECRET, "config:check_url": "nowhere", "config:app_id": "1",
        "config:installation_id": "2",
    })  # fmt: skip
    answer = admin.post(url, sent)
    assert answer.status_code == 422
    assert "A whole address is needed" in text(answer)
    assert SECRET not in text(answer)
    assert not Connection.objects.exists()


def test_the_edit_form_changes_what_was_changed_and_keeps_the_secret(here, admin, shop):
    url = page(here, shop, "edit")
    before = Connection.objects.get()
    assert admin.post(url, filled(admin.get(url), name="Shop 2")).status_code == 302
    after = Connection.objects.get()
    assert (after.name, after.sealed, after.revision) == ("Shop 2", before.sealed, 1)


def test_a_change_meanwhile_is_said(here, admin, shop):
    url = page(here, shop, "edit")
    first = filled(admin.get(url), value=SECRET)
    second = filled(admin.get(url), name="Mine")
    assert admin.post(url, first).status_code == 302
    answer = admin.post(url, second)
    assert answer.status_code == 409
    assert "changed meanwhile" in text(answer)


def test_a_new_address_without_the_secret_is_refused_at_its_field(here, admin, shop):
    url = page(here, shop, "edit")
    sent = filled(admin.get(url), **{"config:check_url": "https://thief.example.net/"})
    answer = admin.post(url, sent)
    assert answer.status_code == 422
    assert "Enter the secret again, too." in text(answer)


def test_rotating_needs_a_value_and_says_that_it_counts(here, admin, shop):
    url = page(here, shop, "rotate")
    assert admin.post(url, filled(admin.get(url))).status_code == 422
    answer = admin.post(url, filled(admin.get(url), value=SECRET), follow=True)
    assert "uses the new value" in text(answer)
    assert SECRET not in text(answer)


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ([], "The service took it"),
        ([Said(403)], "status 403"),
        ([Said(200, {"ok": False, "error": "invalid_auth"})], "invalid_auth"),
        ([Said(401), Said(401)], "status 401"),
    ],
)
def test_trying_asks_the_service_and_keeps_what_it_said(here, admin, authority, says, shown):
    authority.access[SECRET] = "all"
    made = ConnectionFactory(
        environment=here.environment, value=SECRET,
        config={"check_url": f"{authority.url}/api/me"},
    )  # fmt: skip
    authority.before = [*says]
    assert shown in text(admin.post(page(here, made, "check"), follow=True))
    made.refresh_from_db()
    assert made.checked_at
    record = AuditRecord.objects.get(action="connections.connection.checked")
    assert (record.outcome == "ok", made.check_error == "") == (not says, not says)


def test_a_dsn_is_tried_only_where_the_door_is_open(here, admin, settings):
    made = ConnectionFactory(
        environment=here.environment, kind="dsn", value="postgresql://u:pw@127.0.0.1:5432/shop"
    )
    assert "allow-list" in text(admin.post(page(here, made, "check"), follow=True))
    settings.OUTBOUND_ALLOW = ["127.0.0.1:5432"]
    assert "may be reached" in text(admin.post(page(here, made, "check"), follow=True))
    file = ConnectionFactory(environment=here.environment, kind="dsn", value="sqlite:///shop.db")
    assert "A file on this server" in text(admin.post(page(here, file, "check"), follow=True))


def test_a_webhook_is_not_posted_to_for_a_trial(here, admin):
    made = ConnectionFactory(
        environment=here.environment, kind="dsn", value="https://hooks.slack.com/services/T/B/x"
    )
    assert "at its first use" in text(admin.post(page(here, made, "check"), follow=True))


def test_nothing_to_try_is_said(here, admin, shop):
    shown = text(admin.post(page(here, shop, "check"), follow=True))
    assert "no address to try it at" in shown


def test_an_archived_one_is_only_looked_at(here, admin, shop):
    ToolFactory(environment=here.environment, name="refund", current__connection=shop)
    assert "refund" in text(admin.get(page(here, shop, "archive")))
    admin.post(page(here, shop, "archive"))
    assert "Archived" in text(admin.get(page(here, shop)))
    for name in ("edit", "rotate", "check", "archive"):
        assert admin.get(page(here, shop, name)).status_code == 404


def test_who_may_look_sees_no_buttons_and_who_may_not_sees_nothing(here, shop):
    viewer = signed_in(here.may_not)
    assert viewer.get(page(here, shop)).status_code == 200
    assert "Rotate…" not in text(viewer.get(page(here, shop)))
    for name in ("edit", "rotate", "check", "archive", "connect", "disconnect"):
        assert viewer.post(page(here, shop, name)).status_code == 403
    assert signed_in(here.auditor).get(page(here, shop)).status_code == 403
    assert signed_in(here.stranger).get(page(here, shop)).status_code == 404
