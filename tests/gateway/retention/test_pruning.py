"""What is old goes and leaves its tombstone; what is young, open or evidence stays."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from approvals.models import Action
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.retention import pruning
from gateway.runs.states import RunStatus
from gateway.tenants.models import IdempotencyKey
from tests.factories.approvals import ActionFactory, CommentFactory
from tests.factories.runs import RunFactory
from tests.factories.tenants import IdempotencyKeyFactory
from tests.factories.webhooks import EventFactory
from webhooks.models import Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


def days_ago(days):
    return timezone.now() - timedelta(days=days)


def old_event(**fields):
    return EventFactory(
        **{"status": EventStatus.PROCESSED, "due_at": None, "received_at": days_ago(91), **fields}
    )


def run(*arguments):
    out = io.StringIO()
    call_command("prune", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_an_old_event_loses_its_bytes_and_keeps_what_makes_it_one():
    event = old_event()
    run()

    after = Event.objects.get()
    assert (after.body, after.headers) == (None, None)
    assert after.pruned_at is not None
    assert (after.event_id, after.body_sha256) == (event.event_id, event.body_sha256)


def test_young_and_unfinished_events_stay():
    kept = [
        old_event(received_at=days_ago(89)),
        old_event(status=EventStatus.FAILED, due_at=timezone.now()),
        old_event(status=EventStatus.QUARANTINED),
    ]
    run()

    assert Event.objects.filter(body__isnull=False).count() == len(kept)


def test_a_settled_action_loses_what_it_asked_and_what_was_said_of_it():
    action = ActionFactory(status=ActionStatus.SUCCEEDED, settled_at=days_ago(401))
    comment = CommentFactory(action=action, text="Ask Anna.")
    waiting = ActionFactory(created_at=days_ago(500))
    run()

    after = Action.objects.get(pk=action.pk)
    comment.refresh_from_db()
    assert (after.arguments, after.rendered, after.target) == ("", "", [])
    assert (after.digest, after.arguments_sha256) == (action.digest, action.arguments_sha256)
    assert "Anna" not in comment.text
    assert Action.objects.get(pk=waiting.pk).arguments == waiting.arguments


def test_an_ended_run_loses_its_task():
    ended = RunFactory(status=RunStatus.COMPLETED, finished_at=days_ago(401))
    RunFactory()
    run()

    ended.refresh_from_db()
    assert ended.task == ""


def test_an_answer_that_nobody_may_ask_for_again_is_removed():
    old = IdempotencyKeyFactory(status=201, answer={"id": "act_1"})
    IdempotencyKey.objects.filter(pk=old.pk).update(created_at=days_ago(2))
    young = IdempotencyKeyFactory(status=201, answer={"id": "act_2"})
    run()

    assert list(IdempotencyKey.objects.all()) == [young]


def test_a_dry_run_counts_and_changes_nothing():
    old_event()
    told = run("--dry-run")

    assert "1 would be emptied  webhooks.Event, 90 days after received_at" in told
    assert Event.objects.get().body is not None
    assert not AuditRecord.objects.exists()


def test_for_ever_is_for_ever(settings):
    settings.KEEP_EVENTS_DAYS = 0
    old_event()

    assert "webhooks.Event" not in run()
    assert Event.objects.get().body is not None


def test_it_goes_batch_by_batch_each_with_its_record_and_stops_where_a_job_must(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    for _ in range(5):
        old_event()

    pruning.prune(batches=1)
    assert Event.objects.filter(body=None).count() == 2
    pruning.prune()

    assert Event.objects.filter(body=None).count() == 5
    records = AuditRecord.objects.filter(action="retention.rows.pruned", target_id="webhooks.Event")
    assert [row.body_json["meta"]["rows"] for row in records.order_by("id")] == [2, 2, 1]


def test_what_was_pruned_once_is_not_looked_at_again():
    old_event()
    run()
    before = AuditRecord.objects.count()
    run()

    assert AuditRecord.objects.count() == before
