"""What a replay would lead to is shown; nothing happens, and that somebody looked is recorded."""

import pytest

from approvals.models import Action
from audit.models import AuditRecord
from gateway.lib.errors import Denied
from gateway.runs.models import Run
from tests import people
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.services import DryRun
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def source(here):
    return SourceFactory(environment=here.environment)


@pytest.fixture
def show(here):
    """The dry run of a finished event; checks that it left everything as it was."""

    def shown(event: Event, **options: bool) -> DryRun:
        before = counts(event)
        found = services.dry_run(event=event, by=here.principal(here.operator), **options)
        assert counts(event) == before
        return found

    return shown


def counts(event: Event) -> tuple[object, ...]:
    rows = Event.objects.values("status", "replays", "renewals", "due_at").get(pk=event.pk)
    return (*rows.values(), Event.objects.count(), Run.objects.count(), Action.objects.count())


def finished(source, body: bytes = b'{"text":"a"}', **fields) -> Event:
    return EventFactory(source=source, body=body, status="processed", due_at=None, **fields)


def processed(event: Event) -> Event:
    while services.process_chunk():
        pass
    event.refresh_from_db()
    return event


def acting(source, **arguments: str) -> None:
    RouteFactory(
        source=source, name="note", effect=Effect.ACTION,
        tool=ToolFactory(environment=source.environment).name,
        agent=AgentFactory(environment=source.environment), arguments=arguments,
    )  # fmt: skip


def test_recorded_event_shows_its_route(source, show):
    RouteFactory(source=source, name="broken", when="body.a.b == 1")
    RouteFactory(source=source, name="orders", when="body.text == 'a'")

    found = show(finished(source))
    assert (found.route, found.effect, found.arguments) == ("orders", "record", {})
    assert found.trouble[0].startswith("broken: ")


def test_action_shows_its_arguments_and_whether_it_exists(source, show):
    acting(source, note="body.text")
    event = EventFactory(source=source, body=b'{"text":"a"}')
    found = show(event)
    assert (found.route, found.effect, found.arguments) == ("note", "action", {"note": "a"})
    assert (found.trouble, found.note) == ((), "Proposes a new action.")

    processed(event)
    assert show(event).note == f"Attaches to {Action.objects.get().public_id}."
    assert show(event, as_new=True).note == "Proposes a new action."


def test_action_shows_what_its_tool_would_refuse(source, show):
    acting(source, other="5")
    assert any("other" in line for line in show(finished(source)).trouble)
    source.routes.update(tool="nonesuch")

    assert "no enabled tool 'nonesuch'" in show(finished(source)).trouble[0]


def test_mapping_without_a_value_shows_that_the_event_would_be_given_up(source, show):
    acting(source, note="body.missing")
    found = show(finished(source))

    assert (found.effect, found.note) == ("none", "It would be given up.")
    assert "missing" in found.trouble[0]


def test_started_run_shows_its_task(source, show):
    agent = AgentFactory(
        environment=source.environment, provider=ProviderFactory(environment=source.environment)
    )
    RouteFactory(
        source=source, effect=Effect.START_RUN, agent=agent, arguments={"task": "body.text"}
    )
    event = EventFactory(source=source, body=b'{"text":"a"}')
    assert (show(event).arguments, show(event).note) == ({"task": "a"}, "Starts a new run.")

    processed(event)
    assert show(event).note == f"Attaches to {Run.objects.get().public_id}."
    assert show(event, as_new=True).note == "Starts a new run."


@pytest.mark.parametrize(
    ("body", "effect", "told"),
    [
        (b'{"event":"run.started","run_id":"r1"}', "run", "Opens a run for r1."),
        (b'{"event":"weather","run_id":"r1"}', "run", "it would be ignored"),
        (b"no json", "none", "given up"),
    ],
)
def test_fed_run_shows_what_its_provider_reads(source, show, body, effect, told):
    source.provider = ProviderFactory(environment=source.environment)
    source.save()
    found = show(finished(source, body))

    assert found.effect == effect
    assert told in found.note


def test_delivery_shows_how_many_items_are_new(here, show):
    source = SourceFactory(environment=here.environment, scheme="sendgrid")
    processed(EventFactory(source=source, body=b'[{"sg_event_id":"a"}]'))
    found = show(finished(source, b'[{"sg_event_id":"a"},{"sg_event_id":"b"}]'))

    assert found.effect == "split"
    assert found.note.startswith("2 items, of which 1 are there already")
    assert show(finished(source, b"{}")).effect == "none"


def test_thin_event_asks_nobody_and_says_so(here, show):
    source = SourceFactory(environment=here.environment, scheme="openai")
    source.provider = ProviderFactory(environment=source.environment, adapter="openai")
    source.save()
    RouteFactory(source=source, name="keep")
    body = b'{"type":"response.completed","data":{"id":"resp_1"}}'

    assert "would first be asked" in show(finished(source, body)).note


def test_pruned_event_would_be_given_up(source, show):
    assert show(finished(source, body=None, body_sha256="0" * 64)).effect == "none"


def test_who_may_not_replay_sees_nothing_and_who_looks_is_recorded(here, source, show):
    event = finished(source)
    for who in (here.may, here.may_not, here.auditor):
        with pytest.raises(Denied):
            services.dry_run(event=event, by=here.principal(who))
    assert not AuditRecord.objects.exists()

    show(event)
    record = AuditRecord.objects.get()
    assert (record.action, record.target_id) == ("webhooks.event.body_read", event.public_id)
    assert EventStatus(event.status) == "processed"
