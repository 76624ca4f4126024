"""A connection's hosts: its credential goes there and nowhere else, whatever a tool says."""

from typing import Any

import pytest

from approvals import executor
from approvals.states import ActionStatus
from gateway.connections.models import Connection, Token
from gateway.connections.services import begin, check, create, finish, reveal, update
from gateway.lib.errors import Refused
from gateway.tools.services import save
from tests import people
from tests.callers import key_of
from tests.desk import at, signed_in, text
from tests.doubles.oauth import Authority
from tests.doubles.serving import serving
from tests.factories.connections import ConnectionFactory
from tests.factories.tenants import EnvironmentFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.scene import scene

pytestmark = pytest.mark.django_db
SECRET = "s3cr3t-of-the-shop"
APP = {"preset": "shopify", "client_id": "a", "place": "first"}


def asking(here: Any, connection: Connection, url: str) -> None:
    """A tool that reads what stands there before anybody decides, and then writes there."""
    save(
        here.environment, connection=connection,
        **ToolDefinitionFactory(
            name="order", connector="http", operation="request", retry_class="unsafe",
            config={"method": "POST", "url": f"{url}/api/orders"},
            preview={"method": "GET", "url": f"{url}/api/orders"},
        ),
    )  # fmt: skip


def test_a_tool_that_points_elsewhere_gets_no_credential_before_or_after_the_decision(
    machine, authority, settings
):
    here = scene()
    made = machine(environment=here.environment, config={"hosts": authority.host_port})
    with serving(Authority()) as thief:
        settings.OUTBOUND_ALLOW = [authority.host_port, thief.host_port]
        asking(here, made, thief.url)
        action = here.approved(tool="order")
        assert "its hosts do not name" in action.preview_error
        executor.execute(str(action.pk))
        action.refresh_from_db()
        assert (action.status, action.code) == (ActionStatus.FAILED, "host_refused")
        assert "its hosts do not name it" in action.reason
        assert thief.asked == []


def test_a_tool_at_a_named_host_works(machine, authority):
    here = scene()
    made = machine(environment=here.environment, config={"hosts": authority.host_port})
    asking(here, made, authority.url)
    action = here.approved(tool="order")
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


def test_trying_it_asks_no_other_host(machine, authority):
    here = {"check_url": f"{authority.url}/api/me"}
    trial = check(machine(config=here | {"hosts": "api.example.com"}))
    assert (trial.is_good, "its hosts do not name" in trial.detail) == (False, True)
    assert not [asked for asked in authority.asked if asked.path == "/api/me"]


def test_hosts_are_narrowed_freely_and_widened_only_with_the_secret():
    made = ConnectionFactory(config={"hosts": "a.example b.example"})
    narrowed = update(made, config={"hosts": "a.example"})
    assert (narrowed.revision, reveal(narrowed).hosts) == (2, ("a.example",))
    for wider in ({"hosts": "a.example thief.example"}, {}):
        with pytest.raises(Refused) as refused:
            update(made, config=wider)
        assert (refused.value.code, list(refused.value.extra["errors"])) == (
            "value_needed",
            ["hosts"],
        )
    assert reveal(update(made, config={"hosts": "c.example"}, value=SECRET)).value == SECRET
    assert update(ConnectionFactory(), config={"hosts": "a.example"}).config


def test_wider_hosts_end_a_consent_and_narrower_ones_do_not(consented, authority):
    asked = consented(config={"hosts": "a.example b.example"})
    start = begin(asked, redirect_uri="http://here/")
    code = authority.consent(start.url).partition("code=")[2].partition("&")[0]
    person = finish(asked, state=start.state, pending=start.pending, code=code)
    update(person, config={**person.config, "hosts": "a.example"})
    assert Token.objects.get().sealed_refresh
    update(person, config={**person.config, "hosts": "*.example"}, value="garbage")
    assert not Token.objects.get().sealed_refresh


def test_a_new_connection_by_a_preset_goes_to_its_services_hosts():
    made = create(
        EnvironmentFactory(), slug="x", kind="oauth2_authorization_code", value="s", config=APP
    )
    assert made.config["hosts"] == "first.myshopify.com"
    moved = update(made, config={**made.config, "place": "second"}, value="t")
    assert moved.config["hosts"] == "second.myshopify.com"


def test_one_from_before_goes_where_it_went_until_somebody_says_so():
    made = create(
        EnvironmentFactory(), slug="x", kind="oauth2_authorization_code", value="s", config=APP
    )
    before = {name: text for name, text in made.config.items() if name != "hosts"}
    Connection.objects.update(config=before)
    changed = update(made, config={**before, "scopes": "read_orders"})
    assert "hosts" not in changed.config
    assert update(made, config={**before, "hosts": "a.example"}).config["hosts"] == "a.example"


def test_what_is_no_host_is_refused():
    with pytest.raises(Refused, match="Names of hosts"):
        update(ConnectionFactory(), config={"hosts": "https://a.example/"})


def test_the_page_shows_and_the_form_changes_them():
    here = people.ready()
    made = ConnectionFactory(environment=here.environment, config={"hosts": "a.example b.example"})
    admin = signed_in(here.admin)
    where = {"connection": made.public_id}
    assert "a.example b.example" in text(
        admin.get(at(here.environment, "connections:detail", **where))
    )
    page = at(here.environment, "connections:edit", **where)
    assert "b.example" in text(admin.get(page))
    sent = {"revision": 1, "config:hosts": "a.example thief.example"}
    refused = admin.post(page, sent)
    assert (refused.status_code, "Enter the secret again" in text(refused)) == (422, True)
    assert admin.post(page, sent | {"config:hosts": "a.example"}).status_code == 302
    assert Connection.objects.get().config == {"hosts": "a.example"}


def test_the_api_takes_and_shows_them():
    here = people.ready()
    admin = key_of(here, here.admin)
    body = {"slug": "shop", "kind": "bearer", "value": SECRET, "config": {"hosts": "a.example"}}
    assert admin.post("connections", body).json()["config"] == {"hosts": "a.example"}
    answer = admin.send("patch", "connections/shop", {"config": {"hosts": None}})
    assert (answer.status_code, answer.json()["code"]) == (422, "value_needed")
