"""One event id is stored once, however often, at once and through how many processes it comes."""

import asyncio
from collections import Counter

import httpx
import pytest

from tests.certificates import TRUSTED
from tests.webhooks.ingest.serving import Sender, send_all, started
from webhooks.models import Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db(transaction=True)


def words(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(answer.json().get("status", str(answer.status_code)) for answer in answers)


def test_each_id_is_stored_once_over_two_processes_and_many_connections(server, make_source):
    source, secret = make_source()
    with server.client() as first, started("uvicorn") as other, other.client() as second:
        senders = [Sender(source, secret, first), Sender(source, secret, second)]
        requests = [
            sender.request(b'{"n":%d}' % number, event_id=f"msg_{number}")
            for number in range(60)
            for sender in senders * 2
        ]
        answers = send_all(requests)

    assert words(answers) == {"accepted": 60, "duplicate": 180}
    assert Event.objects.count() == 60
    named = {answer.json()["event"] for answer in answers}
    assert named == {event.public_id for event in Event.objects.all()}


def test_copies_are_counted_on_the_event(sender, until):
    for _ in range(4):
        sender.send(event_id="msg_1")

    until(lambda: Event.objects.get().duplicates == 3)


def test_same_signed_bytes_under_another_unsigned_id_are_quarantined(server, make_source):
    source, secret = make_source("github")
    with server.client() as client:
        sender = Sender(source, secret, client)
        first = sender.send(b'{"a":1}', event_id="one")
        replayed = sender.send(b'{"a":1}', event_id="two")
        again = sender.send(b'{"a":1}', event_id="two")
        other = sender.send(b'{"a":2}', event_id="three")

    assert [a.status_code for a in (first, replayed, again, other)] == [202, 202, 200, 202]
    assert [a.json()["status"] for a in (first, replayed, again, other)] == [
        "accepted", "quarantined", "duplicate", "accepted",
    ]  # fmt: skip
    held = Event.objects.get(event_id__startswith="replayed:", event_id__endswith=":two")
    assert (held.status, held.due_at) == (EventStatus.QUARANTINED, None)
    assert replayed.json()["event"] == again.json()["event"] == held.public_id
    assert not Event.objects.due().filter(pk=held.pk).exists()


def test_a_replay_under_the_id_of_an_event_to_come_does_not_take_its_place(server, make_source):
    source, secret = make_source("github")
    with server.client() as client:
        sender = Sender(source, secret, client)
        sender.send(b'{"a":1}', event_id="one")
        claimed = [sender.send(b'{"a":1}', event_id="order-7").json()["status"] for _ in range(2)]
        genuine = sender.send(b'{"a":7}', event_id="order-7")
        late = sender.send(b'{"a":1}', event_id="order-7")

    assert claimed == ["quarantined", "duplicate"]
    assert genuine.json()["status"] == "accepted"
    assert Event.objects.get(event_id="order-7").raw == b'{"a":7}'
    assert late.json()["status"] == "duplicate"


@pytest.mark.parametrize("name", ["sha256:" + "0" * 64, "replayed:" + "0" * 32 + ":one"])
def test_no_sender_chooses_an_id_of_our_own_making(server, make_source, name):
    source, secret = make_source("github")
    with server.client() as client:
        answer = Sender(source, secret, client).send(event_id=name)
    assert answer.status_code == 401
    assert not Event.objects.exists()


def test_of_many_replays_at_once_exactly_one_is_processed(server, make_source):
    source, secret = make_source("github")
    with server.client() as client:
        sender = Sender(source, secret, client)
        requests = [sender.request(b'{"a":1}', event_id=f"id-{n}") for n in range(40)]
        answers = send_all(requests)

    assert words(answers) == {"accepted": 1, "quarantined": 39}
    assert Event.objects.open().count() == 1


def test_quarantine_can_be_switched_off(uvicorn, make_source):
    source, secret = make_source("github", settings={"quarantine": False})
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        answers = [sender.send(b"{}", event_id=name) for name in ("one", "two")]

    assert words(answers) == {"accepted": 2}


def test_same_bytes_under_another_signed_id_are_another_event(sender):
    answers = [sender.send(b"{}", event_id=name) for name in ("one", "two")]

    assert words(answers) == {"accepted": 2}


def test_delivery_named_by_its_body_meets_its_copy_with_an_id(uvicorn, make_source):
    source, secret = make_source("generic_sha256")
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        answers = [
            sender.send(b"{}", headers={"x-event-id": None}),
            sender.send(b"{}", headers={"x-event-id": None}),
            sender.send(b"{}", event_id="made-up"),
        ]

    assert [a.json()["status"] for a in answers] == ["accepted", "duplicate", "quarantined"]


def test_nothing_that_was_answered_is_lost_when_the_process_is_killed(uvicorn, make_source):
    source, secret = make_source()
    with started("uvicorn") as doomed, doomed.client() as client:
        sender = Sender(source, secret, client)
        sender.send(event_id="first")
        requests = [sender.request(event_id=f"msg_{number}") for number in range(800)]
        answered: list[str] = []

        async def run() -> None:
            async with httpx.AsyncClient(timeout=30, trust_env=False, verify=TRUSTED) as many:

                async def one(part: list[httpx.Request]) -> None:
                    for request in part:
                        answer = await many.post(
                            str(request.url), headers=request.headers, content=request.read()
                        )
                        answered.append(answer.json()["event"])
                        if len(answered) == 200:
                            doomed.process.kill()

                parts = [requests[start::16] for start in range(16)]
                await asyncio.gather(*(one(part) for part in parts), return_exceptions=True)

        asyncio.run(run())

    stored = {event.public_id for event in Event.objects.all()}
    assert 200 <= len(answered) < 800
    assert set(answered) <= stored
    # What was stored but not answered is sent again by its provider, and known.
    with uvicorn.client() as client:
        again = Sender(source, secret, client)
        for event_id in Event.objects.values_list("event_id", flat=True)[:20]:
            assert again.send(event_id=event_id).json()["status"] == "duplicate"
