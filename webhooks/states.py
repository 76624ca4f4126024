"""The states of an event, exactly as the design draws them."""

from django.db import models
from django.utils.translation import gettext_noop

from gateway.lib.states import Machine


class EventStatus(models.TextChoices):
    """Where an event stands."""

    RECEIVED = "received", gettext_noop("Received")
    QUARANTINED = "quarantined", gettext_noop("Quarantined")
    PROCESSING = "processing", gettext_noop("Processing")
    PROCESSED = "processed", gettext_noop("Processed")
    IGNORED = "ignored", gettext_noop("Ignored")
    FAILED = "failed", gettext_noop("Failed")
    DEAD = "dead", gettext_noop("Dead")


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
