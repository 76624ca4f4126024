"""One verified delivery on its way into the database, and what became of it."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from webhooks.schemes.verifier import MAX_ID_LENGTH, REPLAYED

if TYPE_CHECKING:
    from webhooks.ingest.sources import Entry


MARK_DIGITS = 32


class Outcome(StrEnum):
    """The word of the answer."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(slots=True, eq=False)
class Arrival:
    """What will be one row of events, unless it is there already.

    `sent_at` is in seconds since 1970, -1 where the scheme signs no time; `replay_digest` is empty
    where nothing but the id has to be unique.
    """

    id: uuid.UUID
    public_id: str
    entry: "Entry"
    secret_id: uuid.UUID
    event_id: str
    event_type: str
    sent_at: float
    headers: bytes
    body: bytes
    # Where something before the database needed it; else empty.
    known_sha256: str
    replay_digest: str
    correlation_id: str
    outcome: Outcome | None = None
    # The row that was there first, when this one is a duplicate.
    existing: uuid.UUID | None = None
    # Called once nothing more happens to it, with or without an outcome.
    done: "Callable[[Arrival], None] | None" = None

    @property
    def is_apart(self) -> bool:
        """Whether it has an id of its own kind; see `set_apart`."""
        return self.event_id.startswith(REPLAYED)

    def set_apart(self) -> None:
        """Give it an id that no genuine event has.

        Nobody signed the id it came with: under that, a replay would be there before the event
        whose id it is, which would then be a duplicate and stored nowhere.
        """
        if not self.is_apart:
            told = f"{self.event_id}\0{self.replay_digest}".encode()
            mark = hashlib.sha256(told).hexdigest()[:MARK_DIGITS]
            self.event_id = f"{REPLAYED}{mark}:{self.event_id}"[:MAX_ID_LENGTH]

    @property
    def body_sha256(self) -> str:
        """The digest of the body in hexadecimal digits."""
        return self.known_sha256 or hashlib.sha256(self.body).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """What is unique, and what batches are sorted by so that they cannot deadlock."""
        return self.entry.source_hex, self.event_id
