"""The states of a notice, as `docs/notifications.md` draws them."""

from django.db import models
from django.utils.translation import gettext_noop

from gateway.lib.states import Machine


class NoticeStatus(models.TextChoices):
    """Where one notice stands."""

    DUE = "due", gettext_noop("Due")
    SENDING = "sending", gettext_noop("Sending")
    SENT = "sent", gettext_noop("Sent")
    WITHDRAWN = "withdrawn", gettext_noop("Withdrawn")
    DEAD = "dead", gettext_noop("Given up")


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
