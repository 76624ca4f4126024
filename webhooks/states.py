"""The states of an event, exactly as the design draws them."""

from django.db import models

from gateway.lib.states import Machine


class EventStatus(models.TextChoices):
    """Where an event stands."""

    RECEIVED = "received", "Received"
    QUARANTINED = "quarantined", "Quarantined"
    PROCESSING = "processing", "Processing"
    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Ignored"
    FAILED = "failed", "Failed"
    DEAD = "dead", "Dead"


S = EventStatus
# Nothing leaves these but a replay that somebody ordered.
FINAL = frozenset({S.PROCESSED, S.IGNORED, S.DEAD})
EVENT = Machine(
    starts=frozenset({S.RECEIVED, S.QUARANTINED}),
    moves={
        # At once to its end: an event that is only recorded, for which nothing is done in between.
        S.RECEIVED: frozenset({S.PROCESSING, S.PROCESSED}),
        S.QUARANTINED: frozenset({S.RECEIVED}),
        S.PROCESSING: frozenset({S.PROCESSED, S.IGNORED, S.FAILED, S.RECEIVED}),
        S.FAILED: frozenset({S.PROCESSING, S.DEAD}),
        S.PROCESSED: frozenset({S.RECEIVED}),
        S.IGNORED: frozenset({S.RECEIVED}),
        S.DEAD: frozenset({S.RECEIVED}),
    },
)
