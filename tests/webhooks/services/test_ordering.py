"""Whoever had an event made, or its effects made anew, never decides what it asks for."""

import json

import pytest

from approvals.models import Action
from approvals.services import approve, waiting_for
from approvals.services.alone import may_decide_alone
from audit.models import AuditRecord
from gateway.lib.errors import Denied
from gateway.runs.models import Run
from gateway.tenants.roles import Role
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SecretFactory, SourceFactory
from tests.webhooks.services.test_replaying import acting, finished, processed, starting
from webhooks import services
from webhooks.models import Effect, Event, EventOrder
from webhooks.samples import sample_of
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nowhere(settings):
    """Nothing listens there, so the reception is asked without the network."""
    settings.PUBLIC_URL = "http://127.0.0.1:9"


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def chief(here):
    """Somebody with every role."""
    return people.person(here.environment, *(role.value for role in Role))


@pytest.fixture
def source(here):
    made = SourceFactory(environment=here.environment, scheme="github")
    SecretFactory(source=made, value="a-secret-of-the-test")
    return made


def test_who_sends_a_test_does_not_decide_what_it_asks_for(here, source, chief):
    acting(source)
    RouteFactory(
        source=source, effect=Effect.ACTION, agent=AgentFactory(environment=source.environment),
        tool=ToolFactory(environment=source.environment).name, arguments={"note": "body.text"},
    )  # fmt: skip
    page = signed_in(chief).post(
        at(here.environment, "webhooks:test", source=source.slug), {"body": '{"text": "pay me"}'}
    )
    assert page.status_code == 200
    event = processed(Event.objects.get())

    assert event.status == EventStatus.PROCESSED
    assert_refused(Action.objects.get(), here, chief)


def assert_refused(action: Action, here: people.People, who) -> None:
    """The person finds it nowhere and cannot decide it, alone or not; another reviewer can."""
    by = here.principal(who)
    assert action not in waiting_for(who, here.environment)
    with pytest.raises(Denied, match="asked for"):
        approve(action=action, by=by, digest=action.digest)
    with pytest.raises(Denied):
        may_decide_alone(action, by)
    assert action in waiting_for(here.may, here.environment)
    approve(action=action, by=here.principal(here.may), digest=action.digest)
    action.refresh_from_db()
    assert action.status == "approved"


def test_who_orders_the_effects_anew_does_not_decide_them(here, source, chief):
    acting(source)
    event = processed(EventFactory(source=source, body=b'{"text":"a"}'))
    first = Action.objects.get()
    services.replay(event=event, by=here.principal(chief))
    processed(event)
    assert Action.objects.get().ordered_by == ""
    services.replay(event=event, by=here.principal(chief), as_new=True)
    processed(event)

    assert first in waiting_for(chief, here.environment)
    assert_refused(Action.objects.exclude(pk=first.pk).get(), here, chief)


def test_who_lets_an_event_out_of_quarantine_does_not_decide_what_it_asks_for(here, source, chief):
    acting(source)
    event = finished(source, EventStatus.QUARANTINED, body=b'{"text":"a"}')
    services.release(event=event, by=here.principal(chief))
    processed(event)
    assert_refused(Action.objects.get(), here, chief)


def test_an_order_that_was_refused_leaves_nothing(here, source):
    with pytest.raises(Denied):
        services.release(event=finished(source), by=here.principal(here.may))
    assert not EventOrder.objects.exists()


def test_an_item_of_an_ordered_delivery_was_ordered(here, chief):
    source = SourceFactory(environment=here.environment, scheme="sendgrid")
    acting(source)
    raw = json.dumps([{"sg_event_id": "a", "event": "bounce", "text": "b"}]).encode()
    delivery = EventFactory(source=source, body=raw, event_type="")
    EventOrder.objects.create(source=source, body_sha256=delivery.body_sha256, user=chief)
    processed(delivery)
    assert_refused(Action.objects.get(), here, chief)


def test_a_call_of_a_run_that_a_test_made_up_is_the_senders(here, source, chief):
    tool = ToolFactory(environment=here.environment)
    source.provider = ProviderFactory(environment=here.environment)
    source.save()
    said = {
        "event": "run.tool_required", "run_id": "r1",
        "tool_call": {"id": "c1", "name": tool.name, "arguments": {"note": "mine"}},
    }  # fmt: skip
    by = here.principal(chief)
    services.send_test(source, sample_of("github", ""), text=json.dumps(said), by=by)
    processed(Event.objects.get())
    assert_refused(Action.objects.get(), here, chief)


def test_who_sends_a_test_has_started_its_run(here, source, chief):
    starting(source)
    by = here.principal(chief)
    services.send_test(source, sample_of("github", ""), text='{"text": "go"}', by=by)
    processed(Event.objects.get())
    assert Run.objects.get().starter_user_id == chief.pk


def test_the_record_and_the_page_say_who_ordered_it(here, source, chief):
    acting(source)
    by = here.principal(chief)
    services.send_test(source, sample_of("github", ""), text='{"text": "go"}', by=by)
    processed(Event.objects.get())
    action = Action.objects.get()

    record = AuditRecord.objects.get(action="approvals.action.proposed", target_id=action.public_id)
    assert record.body_json["meta"]["ordered_by"] == [chief.public_id]
    page = signed_in(here.may).get(
        at(here.environment, "approvals:detail", action=action.public_id)
    )
    assert "Ordered by" in text(page)
    assert str(chief) in text(page)
