"""Invariant 1: no 2xx to a provider before the event is committed to the database."""

import sqlite3

import pytest

from tests.invariants.door import deliver, signed, standard_source
from tests.people import ready
from webhooks.ingest import Intake
from webhooks.ingest.arrival import Arrival
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def test_another_connection_finds_the_event_when_the_answer_begins() -> None:
    source = standard_source(ready().environment)
    seen: list[int] = []
    (answer,) = deliver(
        signed(source), before_answer=lambda: seen.append(Event.objects.filter().count())
    )
    assert answer.status == 202
    assert seen == [1]


def test_what_could_not_be_committed_is_not_acknowledged() -> None:
    source = standard_source(ready().environment)

    async def refuse(batch: list[Arrival]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def fill_the_disk(intake: Intake) -> None:
        intake.group.store.commit = refuse  # type: ignore[method-assign]

    (answer,) = deliver(signed(source), prepare=fill_the_disk)
    assert (answer.status, answer.body) == (503, {"error": "unavailable"})
    assert not Event.objects.exists()
    # The sender tries again, and this time it is taken.
    (again,) = deliver(signed(source))
    assert (again.status, again.body["status"]) == (202, "accepted")
