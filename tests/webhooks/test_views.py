"""Events, their replay and release, and the sources' pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.webhooks import EventFactory, RefusalFactory, SecretFactory, SourceFactory
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
BODY = '{"text":"Hello \u202e <script>alert(1)</script>"}'.encode()


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def source(met):
    return SourceFactory(environment=met.environment, scheme="standard")


def event_of(source, **fields):
    return EventFactory(source=source, body=BODY, due_at=None, **fields)


def page(event, verb="event"):
    return at(event.environment, f"webhooks:{verb}", event=event.public_id)


def test_the_body_is_shown_on_demand_to_who_may_and_that_is_recorded(met, source):
    event = event_of(source, status=EventStatus.PROCESSED)
    assert "Hello" not in text(signed_in(met.operator).get(page(event)))
    shown = text(signed_in(met.operator).get(page(event), {"body": 1}))
    assert "Hello" in shown
    assert 'data-char="U+202E"' in shown
    assert "<script>alert" not in shown
    assert AuditRecord.objects.filter(action="webhooks.event.body_read").count() == 1


def test_a_viewer_does_not_read_bodies(met, source):
    event = event_of(source, status=EventStatus.PROCESSED)
    assert "Hello" not in text(signed_in(met.may_not).get(page(event), {"body": 1}))
    assert not AuditRecord.objects.filter(action="webhooks.event.body_read").exists()


def test_a_body_that_is_no_text_does_not_break_the_page(met, source):
    event = EventFactory(source=source, body=b"\xff\xfe\x00", due_at=None)
    assert "\\xff" in text(signed_in(met.operator).get(page(event), {"body": 1}))


def test_a_pruned_body_says_so(met, source):
    event = EventFactory(source=source, body=None, headers=None, due_at=None)
    assert "retention" in text(signed_in(met.operator).get(page(event), {"body": 1}))


def test_an_operator_replays_a_finished_event_by_post(met, source):
    event = event_of(source, status=EventStatus.PROCESSED)
    assert signed_in(met.operator).get(page(event, "replay")).status_code == 200
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED
    signed_in(met.operator).post(page(event, "replay"))
    event.refresh_from_db()
    assert event.status == EventStatus.RECEIVED


def test_an_operator_releases_a_quarantined_event(met, source):
    event = event_of(source, status=EventStatus.QUARANTINED)
    assert "Release" in text(signed_in(met.operator).get(page(event)))
    signed_in(met.operator).post(page(event, "release"))
    event.refresh_from_db()
    assert event.status == EventStatus.RECEIVED


@pytest.mark.parametrize("verb", ["replay", "release"])
def test_who_may_only_look_orders_nothing(verb, met, source):
    event = event_of(source, status=EventStatus.PROCESSED)
    assert signed_in(met.may_not).post(page(event, verb)).status_code == 403
    assert signed_in(met.stranger).post(page(event, verb)).status_code == 404


def test_the_signature_is_explained_step_by_step(met, source):
    shown = text(signed_in(met.may_not).get(page(event_of(source, status=EventStatus.PROCESSED))))
    for step in ("Raw bytes", "Headers", "Signed content", "Comparison", "Event id"):
        assert step in shown


def test_the_source_shows_refusals_by_reason_and_secrets_without_values(met, source):
    RefusalFactory(source=source, reason="stale_timestamp", count=3)
    secret = SecretFactory(source=source, value="whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=")
    address = at(met.environment, "webhooks:source", source=source.slug)
    shown = text(signed_in(met.may_not).get(address))
    assert "Stale" in shown
    assert source.url in shown
    assert "c2VjcmV0" not in shown
    assert secret.sealed not in shown


def test_a_source_of_another_tenant_is_not_there(met):
    theirs = SourceFactory(environment=met.elsewhere)
    address = at(met.environment, "webhooks:source", source=theirs.slug)
    assert signed_in(met.admin).get(address).status_code == 404


def test_counts_of_the_sources_page_are_links(met, source):
    event_of(source)
    RefusalFactory(source=source, count=7)
    shown = text(signed_in(met.may_not).get(at(met.environment, "webhooks:sources")))
    assert f"?source={source.slug}" in shown
    assert "#refused" in shown
    assert ">7</a>" in shown


def test_the_curl_command_comes_with_the_body_and_says_how_old_the_signature_is(met, source):
    event = event_of(source, sent_at=timezone.now() - timedelta(minutes=20))
    assert "curl -sS" not in text(signed_in(met.operator).get(page(event)))
    shown = text(signed_in(met.operator).get(page(event), {"body": 1}))
    assert "curl -sS" in shown
    assert source.url in shown
    assert "20 min old and counts for 5 min" in shown
    assert "curl -sS" not in text(signed_in(met.may_not).get(page(event), {"body": 1}))


def test_a_token_that_was_never_stored_is_left_to_fill_in(met):
    source = SourceFactory(environment=met.environment, scheme="gitlab_token")
    shown = text(signed_in(met.operator).get(page(event_of(source)), {"body": 1}))
    assert "x-gitlab-token: NOT-KEPT" in shown


def test_items_and_their_delivery_lead_to_each_other(met, source):
    delivery = event_of(source)
    items = [
        event_of(source, delivery=delivery, item_index=at, event_id=f"item-{at}") for at in range(3)
    ]
    shown = text(signed_in(met.may_not).get(page(delivery)))
    assert all(page(item) in shown for item in items)
    assert page(delivery) in text(signed_in(met.may_not).get(page(items[1])))


def test_fetched_content_is_shown_with_its_digest_to_who_may_read_bodies(met, source):
    event = event_of(
        source,
        fetched=b'{"secret-of":"the-customer"}',
        fetched_sha256="f" * 64,
        fetched_at=timezone.now(),
    )
    assert "f" * 64 in text(signed_in(met.may_not).get(page(event)))
    assert "the-customer" not in text(signed_in(met.may_not).get(page(event), {"body": 1}))
    assert "the-customer" not in text(signed_in(met.operator).get(page(event)))
    assert "the-customer" in text(signed_in(met.operator).get(page(event), {"body": 1}))


def test_a_quarantined_event_leads_to_the_one_whose_bytes_it_has(met):
    source = SourceFactory(environment=met.environment, scheme="github")
    first = event_of(source, replay_digest="a" * 64, body_sha256="a" * 64)
    again = event_of(source, status=EventStatus.QUARANTINED, body_sha256="a" * 64)
    shown = text(signed_in(met.may_not).get(page(again)))
    assert page(first) in shown
    other = event_of(source, status=EventStatus.QUARANTINED, body_sha256="b" * 64)
    assert "came as first" not in text(signed_in(met.may_not).get(page(other)))
