"""Invariant 4: verification sees the exact bytes, fresh stamps only, and the same bytes once."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests.factories.webhooks import EventFactory
from tests.invariants.door import BODY, Delivery, deliver, signed, standard_source
from tests.people import ready
from webhooks.models import Event, Source
from webhooks.schemes import signatures
from webhooks.services import NewSecret, create_source
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db(transaction=True)
GITHUB_SECRET = "It's a Secret to Everybody"


def github(source: Source, body: bytes, *, event_id: str) -> Delivery:
    """GitHub signs the body only: the delivery's id is not covered."""
    mark = hmac.new(GITHUB_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": event_id,
        "x-hub-signature-256": f"sha256={mark}",
    }
    return Delivery(source.address, body, headers)


def test_equal_meaning_in_other_bytes_is_not_genuine() -> None:
    genuine = signed(standard_source(ready().environment))
    others = [BODY.replace(b"  ", b" "), BODY + b"\n", BODY.replace(b"1", b"1.0"), BODY[:-1], b""]
    answers = deliver(*(replace(genuine, body=body) for body in others))
    assert [answer.status for answer in answers] == [401] * len(others)
    assert not Event.objects.exists()


def test_the_stored_bytes_are_those_that_were_verified() -> None:
    source = standard_source(ready().environment)
    deliver(signed(source))
    assert Event.objects.get().raw == BODY


def test_stale_and_future_stamps_are_refused() -> None:
    source, now = standard_source(ready().environment), datetime.now(UTC)
    stamps = [now - timedelta(minutes=10), now + timedelta(minutes=10)]
    answers = deliver(*(signed(source, at=at) for at in stamps))
    assert [answer.status for answer in answers] == [401, 401]
    assert not Event.objects.exists()


def test_comparison_takes_the_same_time_wherever_the_difference_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = standard_source(ready().environment)
    compared: list[Any] = []
    real = hmac.compare_digest

    def watched(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(signatures.hmac, "compare_digest", watched)
    deliver(signed(source))
    assert compared


def test_the_same_bytes_under_another_unsigned_id_are_quarantined() -> None:
    source = create_source(ready().environment, scheme="github", secrets=[NewSecret(GITHUB_SECRET)])
    (first,) = deliver(github(source, BODY, event_id="first"))
    (again,) = deliver(github(source, BODY, event_id="second"))
    (other,) = deliver(github(source, b'{"number": 2}', event_id="third"))
    assert [a.body["status"] for a in (first, again, other)] == [
        "accepted", "quarantined", "accepted",
    ]  # fmt: skip
    quarantined = Event.objects.get(event_id__endswith=":second")
    assert (quarantined.status, quarantined.due_at) == (EventStatus.QUARANTINED, None)


def test_the_database_itself_refuses_the_same_bytes_twice() -> None:
    source = standard_source(ready().environment)
    EventFactory(source=source, replay_digest="0" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        EventFactory(source=source, replay_digest="0" * 64)
