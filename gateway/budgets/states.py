"""What becomes of an amount that was set aside."""

from django.db import models
from django.utils.translation import gettext_noop

from gateway.lib.states import Machine


class UsageStatus(models.TextChoices):
    """Where one amount stands."""

    RESERVED = "reserved", gettext_noop("Reserved")
    SETTLED = "settled", gettext_noop("Used")
    RELEASED = "released", gettext_noop("Given back")


U = UsageStatus
USAGE = Machine(
    # What providers report is spent already; what an action needs is set aside first.
    starts=frozenset({U.RESERVED, U.SETTLED}),
    moves={
        U.RESERVED: frozenset({U.SETTLED, U.RELEASED}),
        U.SETTLED: frozenset(),
        U.RELEASED: frozenset(),
    },
)
