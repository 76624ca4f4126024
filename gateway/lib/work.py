"""Due rows: claiming with a lease and a fencing token, giving back, finding what was forgotten.

A model that takes part has `due_at`, `lease_until` and `attempts`. The number of attempts is the
fencing token: whoever finishes must still hold the token it claimed with.
"""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

DUE = Q(due_at__lte=Now())
FREE = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())


class DueColumns(models.Model):
    """The columns of a row that something still has to be done with."""

    due_at = models.DateTimeField(null=True, blank=True, default=None)
    lease_until = models.DateTimeField(null=True, blank=True, default=None)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


def at_once() -> datetime:
    """A time to be due at that the database's clock has reached: SQLite's knows milliseconds only,
    so a row that is due at this very microsecond would not be due for the rest of its millisecond.
    """
    return timezone.now() - timedelta(milliseconds=1)


def due(queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """The rows whose time has come and that nobody holds."""
    return queryset.filter(DUE, FREE)


def claim(
    queryset: models.QuerySet[Any], pk: uuid.UUID | str, *, lease_s: int, **fields: Any
) -> Any | None:
    """Hold one due row for `lease_s` seconds; None when it is not due or somebody else has it."""
    held = due(queryset.filter(pk=pk)).update(
        lease_until=Now() + timedelta(seconds=lease_s), attempts=F("attempts") + 1, **fields
    )
    return queryset.model._default_manager.get(pk=pk) if held else None


def holds(row: Any) -> Q:
    """The condition that the claim read into `row` is still the newest one."""
    return Q(pk=row.pk, attempts=row.attempts)


def release(row: Any, *, after_s: float | None, **fields: Any) -> bool:
    """Give a claimed row back, due again after some seconds, or never when None.

    False when the claim was lost meanwhile; nothing is written then.
    """
    due_at = None if after_s is None else Now() + timedelta(seconds=after_s)
    rows = type(row)._default_manager.filter(holds(row))
    return rows.update(due_at=due_at, lease_until=None, **fields) == 1


def backoff_s(
    attempts: int, *, base_s: float = 1.0, limit_s: float = 600.0, chance: float | None = None
) -> float:
    """Seconds until the next try: doubled each time, bounded, and up to a quarter less.

    `chance` in [0, 1) says how much less, by lot where none is given: what failed together does
    not come back together.
    """
    # The exponent is bounded because a power of two grows beyond any float otherwise.
    wait = min(limit_s, base_s * 2 ** min(max(0, attempts - 1), 30))
    return wait * (1 - (random.random() if chance is None else chance) / 4)  # noqa: S311 - no secret
