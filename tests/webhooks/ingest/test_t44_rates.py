"""T44: a source takes so many deliveries a second, however they are addressed and wherever from."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tests.invariants.door import deliver, signed, standard_source
from tests.people import ready
from tests.webhooks.ingest.serving import Sender, send_all
from webhooks.models import Event, Source
from webhooks.services import update_source

pytestmark = pytest.mark.django_db(transaction=True)
RATE, SENT = 2, 60


def spoofed(n: int) -> dict[str, str]:
    """Headers that name another sender each time."""
    address = f"2001:db8:{n:x}::{n:x}" if n % 2 else f"198.51.100.{n}"
    return {
        "x-forwarded-for": f"{address}, 203.0.113.{n}", "x-real-ip": address,
        "forwarded": f"for={address}", "x-forwarded-host": f"host-{n}.example",
    }  # fmt: skip


def written(address: str, n: int) -> str:
    """The source's address as one might write it otherwise."""
    code = f"%{ord(address[0]):02x}"
    ways = [
        f"/webhooks/{address}", f"/webhooks/{address}/", f"/webhooks/{code}{address[1:]}",
        f"/webhooks/{address}?n={n}", f"/webhooks/{address.upper()}", f"//webhooks/{address}",
        f"/webhooks//{address}", f"/webhooks/{address}//", f"/Webhooks/{address}",
    ]  # fmt: skip
    return ways[n % len(ways)]


def assert_held(counts: Counter[int], *, since: float) -> None:
    """The rate held within a tenth; a burst of a second's deliveries is part of it."""
    room = RATE * (1 + time.monotonic() - since)
    assert counts[429] > 0, counts
    assert 0 < counts[202] <= room * 1.1, (counts, room)
    assert Event.objects.count() == counts[202]


def test_a_server_holds_the_rate_of_a_source(server: Any, make_source: Callable[..., Any]) -> None:
    source, secret = make_source(settings={"rate_per_s": RATE})
    with server.client() as client:
        sender = Sender(source, secret, client)
        wanted = [
            sender.request(path=written(source.address, n), headers=spoofed(n)) for n in range(SENT)
        ]
    since = time.monotonic()
    counts = Counter(answer.status_code for answer in send_all(wanted))
    assert_held(counts, since=since)


def source_of(rate: float = RATE) -> Source:
    return standard_source(ready().environment, settings={"rate_per_s": rate})


def test_the_rate_holds_where_no_event_loop_runs(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    source, counts, since = source_of(), Counter[int](), time.monotonic()
    for n in range(SENT):
        given = signed(source, message_id=f"msg_{n}", at=datetime.now(UTC))
        headers = dict(given.headers) | spoofed(n)
        answer = Client().post(
            written(source.address, n), given.body,
            content_type=headers.pop("content-type"), headers=headers,
        )  # fmt: skip
        counts[answer.status_code] += 1
    assert_held(counts, since=since)


def test_a_change_of_the_source_begins_no_new_second() -> None:
    source, counts, since = source_of(), Counter[int](), time.monotonic()
    for part in range(6):
        wanted = [signed(source, message_id=f"msg_{part}_{n}") for n in range(10)]
        counts.update(answer.status for answer in deliver(*wanted, doors=2))
        update_source(source, name=f"Renamed {part}")
    assert_held(counts, since=since)


def test_another_source_has_a_rate_of_its_own() -> None:
    one, other = source_of(), source_of()
    deliver(*[signed(one, message_id=f"msg_{n}") for n in range(20)])
    (answer,) = deliver(signed(other))
    assert answer.status == 202
