"""The states of a notice, as `docs/notifications.md` draws them."""

from django.db import models

from gateway.lib.states import Machine


class NoticeStatus(models.TextChoices):
    """Where one notice stands."""

    DUE = "due", "Due"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    WITHDRAWN = "withdrawn", "Withdrawn"
    DEAD = "dead", "Given up"


S = NoticeStatus
OPEN = frozenset({S.DUE, S.SENDING})
NOTICE = Machine(
    starts=frozenset({S.DUE}),
    moves={
        S.DUE: frozenset({S.SENDING, S.WITHDRAWN}),
        # Withdrawn: decided, or no longer for this person, before it left.
        S.SENDING: frozenset({S.SENT, S.DUE, S.WITHDRAWN, S.DEAD}),
        S.SENT: frozenset(),
        S.WITHDRAWN: frozenset(),
        S.DEAD: frozenset(),
    },
)
