"""One verified delivery on its way into the database, and what became of it."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webhooks.ingest.sources import Entry


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
    def body_sha256(self) -> str:
        """The digest of the body in hexadecimal digits."""
        return self.known_sha256 or hashlib.sha256(self.body).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """What is unique, and what batches are sorted by so that they cannot deadlock."""
        return self.entry.source_hex, self.event_id
