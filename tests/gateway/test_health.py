"""`/healthz` and `/readyz`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway import health
from gateway.lib import broker, heartbeat
from gateway.models import Lease
from tests.factories.runs import RunFactory


def ask(path: str, query: str = "") -> tuple[int, dict[str, Any], dict[bytes, bytes]]:
    """Status, body and headers of the sub-application's answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing of the request is read")

    scope = {"type": "http", "path": path, "query_string": query.encode()}
    async_to_sync(health.application)(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"]), dict(sent[0]["headers"])


@pytest.fixture
def _all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "is_reachable", lambda: True)
    monkeypatch.setattr(health, "close_old_connections", lambda: None)
    heartbeat.beat("worker")


def test_a_living_process_says_so_without_touching_anything(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    assert ask("/healthz")[:2] == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_ready_means_database_queue_worker_and_nothing_left_lying() -> None:
    status, body, headers = ask("/readyz")
    assert (status, body["status"]) == (200, "ok")
    assert set(body["checks"]) == {"database", "queue", "worker", "oldest_due"}
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_without_a_worker_nothing_is_ready_but_the_database() -> None:
    cache.clear()
    status, body, _ = ask("/readyz/")
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"]["worker"]["ok"] is False
    assert "Start a worker" in body["checks"]["worker"]["detail"]
    assert ask("/readyz", "check=database")[0] == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_a_queue_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "is_reachable", lambda: False)
    status, body, _ = ask("/readyz")
    assert status == 503
    assert body["checks"]["queue"]["ok"] is False


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_a_row_that_lies_for_minutes_is_reported_and_a_future_one_is_not() -> None:
    run = RunFactory()
    rows = type(run).objects.filter(pk=run.pk)
    rows.update(due_at=timezone.now() + timedelta(hours=1), announce_due_at=None)
    assert ask("/readyz", "check=oldest_due")[0] == 200
    rows.update(due_at=timezone.now() - timedelta(hours=1))
    status, body, _ = ask("/readyz", "check=oldest_due")
    assert status == 503
    assert 3590 < float(body["checks"]["oldest_due"]["detail"].split()[0]) < 3700


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_a_database_that_does_not_answer_is_reported_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> Any:
        raise OperationalError("connection to 10.1.2.3 refused")

    monkeypatch.setattr(connection, "cursor", broken)
    status, body, _ = ask("/readyz", "check=database")
    assert status == 503
    assert "10.1.2.3" not in json.dumps(body)


@contextmanager
def read_only() -> Iterator[None]:
    """As on a full disk: queries are answered, changes are not taken."""
    on_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON" if on_sqlite else "SET TRANSACTION READ ONLY")
        yield
        if on_sqlite:
            cursor.execute("PRAGMA query_only = OFF")


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_a_database_that_takes_no_changes_is_reported() -> None:
    with read_only():
        status, body, _ = ask("/readyz", "check=database")
    assert status == 503
    assert "takes no changes" in body["checks"]["database"]["detail"]


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_what_was_written_lately_need_not_be_written_again() -> None:
    assert ask("/readyz", "check=database")[0] == 200
    with read_only():
        assert ask("/readyz", "check=database")[0] == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_what_was_written_long_ago_is_written_again() -> None:
    ask("/readyz", "check=database")
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    assert ask("/readyz", "check=database")[0] == 200
    assert Lease.objects.get().until > timezone.now()


@pytest.mark.django_db
@pytest.mark.usefixtures("_all_is_well")
def test_an_unknown_check_is_not_ready() -> None:
    assert ask("/readyz", "check=everything")[0] == 503
