"""The commands that send and replay events."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories.webhooks import EventFactory, SecretFactory, SourceFactory
from tests.webhooks.ingest.serving import Server, started
from webhooks.models import Event
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import new_secret
from webhooks.services import numbered
from webhooks.states import EventStatus

SYMMETRIC = sorted(
    name
    for name, scheme in SCHEMES.items()
    if not scheme.algorithm.is_asymmetric and scheme.check is None
)


@pytest.fixture(scope="module")
def uvicorn(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), started("uvicorn") as running:
        yield running


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_text('{"type":"order.created"}')
    return path


def told(*arguments: str, **options: object) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", SYMMETRIC)
def test_send_event_signs_like_a_provider(uvicorn: Server, body: Path, scheme: str):
    source = SourceFactory(scheme=scheme)
    SecretFactory(source=source, value=new_secret(source.rules))

    out = told("send_event", source.slug, str(body), id="e1", type="push", url=uvicorn.url)

    event, rules = Event.objects.get(), source.rules
    assert out.startswith(f"{rules.success_status or 202} ")
    assert event.public_id in out
    if rules.ids:
        assert "e1" in event.event_id
    if not rules.wire.reads_body:
        assert event.raw == body.read_bytes()
    assert json.loads(event.raw)["type"] == "order.created"


@pytest.mark.django_db(transaction=True)
def test_send_event_varies_the_body_when_it_sends_many(uvicorn: Server, body: Path):
    source = SourceFactory(scheme="github")
    SecretFactory(source=source, value=new_secret(source.rules))

    out = told("send_event", source.public_id, str(body), count=5, url=uvicorn.url)

    assert out.strip() == "5 x 202"
    assert len({event.raw for event in Event.objects.all()}) == 5
    assert not Event.objects.filter(status=EventStatus.QUARANTINED).exists()


@pytest.mark.django_db
def test_send_event_says_what_is_missing(body: Path):
    source = SourceFactory()

    for arguments, problem in [
        (("nobody", str(body)), "There is no source"),
        ((source.slug, "/nowhere"), "cannot be read"),
        ((source.slug, str(body)), "no secret"),
    ]:
        with pytest.raises(CommandError, match=problem):
            told("send_event", *arguments)


@pytest.mark.parametrize("body", [b'{"a":1}', b"[1]", b"not json", b""])
def test_numbered_bodies_differ_and_keep_what_they_say(body: bytes):
    made = [numbered(body, number) for number in (1, 2, 3)]

    assert made[0] == body
    assert len(set(made)) == 3
    if body.startswith(b"{"):
        assert json.loads(made[2])["a"] == 1


@pytest.mark.django_db
def test_replay_events_replays_the_dead_of_a_source_or_the_named():
    source = SourceFactory()
    dead = EventFactory(source=source, status=EventStatus.DEAD, due_at=None)
    other = EventFactory(status=EventStatus.DEAD, due_at=None)
    fine = EventFactory(source=source, status=EventStatus.PROCESSED, due_at=None)

    assert "0 replayed" in told("replay_events", source=source.slug, dry_run=True)
    assert "1 replayed" in told("replay_events", source=source.slug)
    assert "1 replayed" in told("replay_events", fine.public_id)
    for event, status in ((dead, "received"), (fine, "received"), (other, "dead")):
        event.refresh_from_db()
        assert event.status == status


@pytest.mark.django_db
def test_replay_events_refuses_what_is_no_id():
    with pytest.raises(CommandError):
        told("replay_events", "act_123")


@pytest.mark.django_db
def test_replay_events_narrows_by_type_and_time_and_says_what_would_happen():
    source = SourceFactory()
    old = EventFactory(
        source=source, status=EventStatus.DEAD, due_at=None, event_type="a.b",
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    new = EventFactory(source=source, status=EventStatus.DEAD, due_at=None)

    shown = told("replay_events", "--dry-run", "--type", "a.b")
    assert old.public_id in shown
    assert "record · by 'record (implicit)'" in shown
    assert new.public_id not in shown
    assert old.public_id not in told("replay_events", "--dry-run", "--since", "2026-02-01")
    assert new.public_id not in told("replay_events", "--dry-run", "--until", "2026-02-01")
    assert told("replay_events", "--dry-run", "--limit", "1").count("evt_") == 1
    assert "1 replayed" in told("replay_events", "--as-new", "--source", source.public_id, limit=1)
    old.refresh_from_db()
    assert (old.status, old.renewals) == ("received", 1)
    for arguments in (("--since", "yesterday"), ("--source", "nobody")):
        with pytest.raises(CommandError):
            told("replay_events", *arguments)
