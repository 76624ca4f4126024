"""Bytes come out as they went in, whatever they are, and take less room where they can."""

import json
from random import Random

import lz4.frame
import pytest
from django.db import connection

from gateway.lib.packing import LEAST_BYTES, MAGIC, MOST_BYTES, packed, unpacked
from tests.factories.webhooks import EventFactory
from webhooks.models import Event

JSON = json.dumps([{"id": number, "name": "lamp", "price": "12.00"} for number in range(99)])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"x" * (LEAST_BYTES - 1),
        b"x" * LEAST_BYTES,
        b"x" * MOST_BYTES,
        b"x" * (MOST_BYTES + 1),
        b"\0" * 1024 * 1024,
        Random(1).randbytes(5000),
        JSON.encode(),
        MAGIC,
        MAGIC[:3],
        MAGIC + b"x",
        MAGIC + b"x" * MOST_BYTES,
        lz4.frame.compress(JSON.encode()),
    ],
    ids=range(14),
)
def test_bytes_come_out_as_they_went_in(raw):
    assert unpacked(packed(raw)) == raw
    assert unpacked(packed(packed(raw))) == packed(raw)


def test_json_takes_less_room_and_any_reader_of_lz4_reads_it():
    kept = packed(JSON.encode())

    assert len(kept) < len(JSON) / 4
    assert lz4.frame.decompress(kept) == JSON.encode()


@pytest.mark.parametrize(
    "raw", [b"x" * (LEAST_BYTES - 1), b"x" * (MOST_BYTES + 1), Random(1).randbytes(5000)]
)
def test_what_is_short_or_long_or_packs_badly_is_kept_as_it_is(raw):
    assert packed(raw) == raw


def test_only_a_frame_of_ours_begins_like_a_frame():
    for raw in (MAGIC, MAGIC + b"x", MAGIC + b"x" * MOST_BYTES):
        assert packed(raw) != raw


@pytest.mark.parametrize("cut", [4, 10, -1, -5])
def test_a_damaged_frame_is_given_back_as_it_is(cut):
    damaged = packed(JSON.encode())[:cut]

    assert unpacked(damaged) == damaged


@pytest.mark.django_db
def test_a_packed_column_holds_frames_and_gives_back_the_bytes():
    event = EventFactory(body=JSON.encode())
    nothing = EventFactory(body=None)

    with connection.cursor() as cursor:
        cursor.execute("SELECT length(body) FROM webhooks_event WHERE body IS NOT NULL")
        [(length,)] = cursor.fetchall()
    assert length < len(JSON) / 4
    assert Event.objects.get(pk=event.pk).body == JSON.encode()
    assert Event.objects.filter(pk=event.pk).values_list("body", flat=True).get() == JSON.encode()
    assert Event.objects.filter(body=JSON.encode()).get() == event
    assert Event.objects.get(pk=nothing.pk).body is None
