"""The SQL of the hot path, and the order in which it runs; written once for every way to run it.

It bypasses the ORM because the ORM costs more than everything else together (docs/decisions.md). A
test holds it and the model together.
"""

import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from gateway.lib.failpoints import Point, reach
from gateway.lib.packing import packed
from webhooks.ingest.arrival import Arrival, Outcome
from webhooks.states import EventStatus

MAX_ROWS = 200
# PostgreSQL's binary form of a double.
FLOAT8 = struct.Struct(">d").pack
TABLE = "webhooks_event"
# What each row brings with it, in the order of `Dialect.values`.
GIVEN = (
    "id",
    "environment_id",
    "source_id",
    "event_id",
    "event_type",
    "sent_at",
    "headers",
    "body",
    "body_sha256",
    "replay_digest",
    "correlation_id",
)
# What every new row begins with.
FIXED = {
    "lease_until": "NULL",
    "attempts": "0",
    "lost_leases": "0",
    "reason": "''",
    "route": "''",
    "run_id": "NULL",
    "delivery_id": "NULL",
    "item_index": "NULL",
    "fetched": "NULL",
    "fetched_sha256": "''",
    "fetched_at": "NULL",
    "order_key": "''",
    "duplicates": "0",
    "replays": "0",
    "renewals": "0",
    "pruned_at": "NULL",
    "sealed_in": "NULL",
}
COLUMNS = (*GIVEN, *FIXED, "received_at", "due_at", "status")

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert what is not there yet; answered by the number of rows that went in."""

    arrivals: list[Arrival]
    status: str


@dataclass(frozen=True, slots=True)
class Find:
    """Look the arrivals up by source and event id; answered by rows (source, event id, id)."""

    arrivals: list[Arrival]


class Inconsistent(Exception):
    """The database refused a row and yet has nothing in its place."""


def storing(
    batch: list[Arrival], *, looks_first: bool = False
) -> Generator[Insert | Find, Any, None]:
    """What has to be run, one after the other, until every arrival of the batch has its outcome.

    Repeating it after a lost connection is safe: a row that is found under the arrival's own id
    was stored by the first try. `looks_first` changes no outcome: it spares known events an insert,
    which on SQLite waits for the writers' lock, and costs new ones a look.
    """
    reach(Point.INSERTING)
    if looks_first:
        batch = _judge(batch, (yield Find(batch)), Outcome.ACCEPTED)
        if not batch:
            return
    if (yield Insert(batch, EventStatus.RECEIVED)) == len(batch):
        for arrival in batch:
            arrival.outcome = Outcome.ACCEPTED
        return
    replayed = _judge(batch, (yield Find(batch)), Outcome.ACCEPTED)
    if not replayed:
        return
    # Same signed bytes under another id: kept for a person to look at, and committed all the same.
    for arrival in replayed:
        arrival.set_apart()
    replayed.sort(key=lambda arrival: arrival.key)
    yield Insert(replayed, EventStatus.QUARANTINED)
    if _judge(replayed, (yield Find(replayed)), Outcome.QUARANTINED):
        raise Inconsistent


def are_mostly_known(batch: list[Arrival]) -> bool:
    """Whether more than half of a stored batch had come before, so that the next may have too."""
    return 2 * sum(arrival.outcome is Outcome.DUPLICATE for arrival in batch) > len(batch)


def _judge(batch: list[Arrival], rows: list[Row], word: Outcome) -> list[Arrival]:
    """Give each arrival that has a row its outcome; returns those that have none."""
    found = {(source, event_id): row_id for source, event_id, row_id in rows}
    missing = []
    for arrival in batch:
        row_id = found.get(arrival.key)
        if row_id is None:
            missing.append(arrival)
        elif row_id == arrival.id:
            # Set apart by a try that was lost on the way back, it is stored as that.
            arrival.outcome = Outcome.QUARANTINED if arrival.is_apart else word
        else:
            arrival.outcome, arrival.existing = Outcome.DUPLICATE, row_id
    return missing


class Sqlite:
    """SQLite's dialect: one shared parameter for the time, ids as 32 hexadecimal digits."""

    @staticmethod
    @lru_cache(maxsize=2 * MAX_ROWS)
    def insert(count: int, status: str) -> str:
        """The text that inserts so many rows."""
        width, fixed = len(GIVEN), ",".join(FIXED.values())
        due = "?1" if status == EventStatus.RECEIVED else "NULL"

        def row(number: int) -> str:
            # Numbered, because a plain `?` would begin at 1, which is the shared time.
            given = ",".join(f"?{2 + number * width + i}" for i in range(width))
            return f"({given},{fixed},?1,{due},'{status}')"

        return _insert(row(number) for number in range(count))

    @staticmethod
    @lru_cache(maxsize=MAX_ROWS)
    def find(count: int) -> str:
        """The text that looks so many rows up; the answer is one row, a list in JSON.

        The interpreter's lock is given away and waited for with every row that is read.
        """
        found = _find("(?,?)" for _ in range(count))
        return f"SELECT json_group_array(json_array(source_id, event_id, id)) FROM ({found})"  # noqa: S608 - no input

    @staticmethod
    def values(batch: list[Arrival], status: str) -> list[Any]:
        """The parameters of `insert`, in the forms that Django's columns have.

        Except for the bodies: they are as they came, and become what is kept by `writer.keep`.
        """
        values: list[Any] = [datetime.now(UTC).replace(tzinfo=None).isoformat(" ")]
        is_new = status == EventStatus.RECEIVED
        for a in batch:
            sent_at = _moment(a.sent_at) if a.sent_at >= 0 else None
            digest = a.replay_digest if is_new else ""
            values += (
                a.id.hex, a.entry.environment_hex, a.entry.source_hex, a.event_id, a.event_type,
                sent_at, a.headers, a.body, a.known_sha256, digest or None, a.correlation_id,
            )  # fmt: skip
        return values

    @staticmethod
    @lru_cache(maxsize=MAX_ROWS)
    def bodies(count: int) -> tuple[int, ...]:
        """The places of the bodies among the parameters of so many rows."""
        return tuple(1 + number * len(GIVEN) + GIVEN.index("body") for number in range(count))

    @staticmethod
    def keys(batch: list[Arrival]) -> list[Any]:
        """The parameters of `find`."""
        return [part for a in batch for part in a.key]


class Postgres:
    """PostgreSQL's dialect: raw `$1` parameters whose types never vary.

    Every batch of one size is one prepared statement; a NULL in one row would make another one of
    it, so absent values travel as -1 and as the empty text.
    """

    CASTS = {
        "id": "$%d::uuid",
        "environment_id": "$%d::uuid",
        "source_id": "$%d::uuid",
        "sent_at": "to_timestamp(nullif($%d::float8, -1))",
        "headers": "$%d::bytea",
        "body": "$%d::bytea",
        "replay_digest": "nullif($%d::text, '')",
    }

    @classmethod
    def insert(cls, count: int, status: str) -> bytes:
        """The text that inserts so many rows; as bytes, which remember their hash.

        A connection knows its prepared statements by the whole text.
        """
        return _postgres_insert(count, status)

    @staticmethod
    def find(count: int) -> bytes:
        """The text that looks so many rows up."""
        return _postgres_find(count)

    @staticmethod
    def values(batch: list[Arrival], status: str) -> list[Any]:
        """The parameters of `insert`."""
        values: list[Any] = []
        is_new = status == EventStatus.RECEIVED
        for a in batch:
            digest = a.replay_digest if is_new else ""
            values += (
                a.id, a.entry.environment_id, a.entry.source_id, a.event_id, a.event_type,
                float(a.sent_at), a.headers, packed(a.body), a.body_sha256, digest,
                a.correlation_id,
            )  # fmt: skip
        return values

    @staticmethod
    def keys(batch: list[Arrival]) -> list[Any]:
        """The parameters of `find`."""
        return [part for a in batch for part in (a.entry.source_id, a.event_id)]

    @staticmethod
    def encoded(batch: list[Arrival], status: str) -> list[bytes]:
        """The parameters of `insert` in PostgreSQL's binary form; one name for a type each."""
        values: list[bytes] = []
        is_new = status == EventStatus.RECEIVED
        for a in batch:
            digest = a.replay_digest if is_new else ""
            values += (
                a.id.bytes, a.entry.environment_bytes, a.entry.source_bytes, a.event_id.encode(),
                a.event_type.encode(), FLOAT8(a.sent_at), a.headers, packed(a.body),
                a.body_sha256.encode(), digest.encode(), a.correlation_id.encode(),
            )  # fmt: skip
        return values

    @staticmethod
    def encoded_keys(batch: list[Arrival]) -> list[bytes]:
        """The parameters of `find` in the same form."""
        return [part for a in batch for part in (a.entry.source_bytes, a.event_id.encode())]


@lru_cache(maxsize=2 * MAX_ROWS)
def _postgres_insert(count: int, status: str) -> bytes:
    casts = [Postgres.CASTS.get(name, "$%d::text") for name in GIVEN]
    width, fixed = len(GIVEN), ",".join(FIXED.values())
    due = "now()" if status == EventStatus.RECEIVED else "NULL"

    def row(number: int) -> str:
        given = ",".join(cast % (number * width + i + 1) for i, cast in enumerate(casts))
        return f"({given},{fixed},now(),{due},'{status}')"

    return _insert(row(number) for number in range(count)).encode()


@lru_cache(maxsize=MAX_ROWS)
def _postgres_find(count: int) -> bytes:
    return _find(f"(${2 * n + 1}::uuid,${2 * n + 2}::text)" for n in range(count)).encode()


def _insert(rows: Any) -> str:
    return (
        f"INSERT INTO {TABLE} ({','.join(COLUMNS)}) VALUES {','.join(rows)} "  # noqa: S608 - no input in it
        "ON CONFLICT DO NOTHING"
    )


def _find(keys: Any) -> str:
    # In this order: SQLite would answer `(a, b) IN (VALUES …)` by reading the whole table.
    return (
        f"WITH wanted (source_id, event_id) AS (VALUES {','.join(keys)}) "  # noqa: S608 - no input
        f"SELECT e.source_id, e.event_id, e.id FROM wanted w CROSS JOIN {TABLE} e "
        "WHERE e.source_id = w.source_id AND e.event_id = w.event_id"
    )


@lru_cache(maxsize=1024)
def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(" ")
