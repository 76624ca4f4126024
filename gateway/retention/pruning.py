"""What has been kept for its time goes, batch by batch; the rows stay as tombstones."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import NOWHERE, Target
from audit.kept import Kept
from gateway.retention import registry

BATCH = 500
Progress = Callable[[Kept, int], None]


@dataclass(frozen=True)
class Pruned:
    """How many rows of one model went, or would go, and how old they are at least."""

    kept: Kept
    days: int
    rows: int


def preview() -> list[Pruned]:
    """What would go now; nothing does."""
    now = timezone.now()
    return [
        Pruned(kept, days, registry.overdue(kept, days, now=now).count())
        for kept, days in registry.limited()
    ]


def prune(*, progress: Progress = lambda kept, rows: None, batches: int = 0) -> list[Pruned]:
    """Let go whatever is overdue, each batch with its record in a transaction of its own.

    At most so many `batches` of each model, so that a job ends; 0 is until nothing is left.
    """
    return [
        Pruned(kept, days, _prune(kept, days, progress=progress, batches=batches))
        for kept, days in registry.limited()
    ]


def _prune(kept: Kept, days: int, *, progress: Progress, batches: int) -> int:
    gone, run, now = 0, 0, timezone.now()
    while (not batches or run < batches) and (count := _batch(kept, days, now=now)):
        gone, run = gone + count, run + 1
        progress(kept, gone)
    return gone


def _batch(kept: Kept, days: int, *, now: datetime) -> int:
    with transaction.atomic():
        keys = list(registry.overdue(kept, days, now=now).values_list("pk", flat=True)[:BATCH])
        if not keys:
            return 0
        registry.empty(kept, keys, now=now)
        audit.record(
            AuditAction.ROWS_PRUNED,
            target=Target("model", kept.model),
            scope=NOWHERE,
            meta={"rows": len(keys), "after_days": days, "removed": kept.deletes},
        )
    return len(keys)
