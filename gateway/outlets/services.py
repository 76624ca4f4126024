"""Opening outlets as the settings name them, and delivering what is new, in order, until taken."""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from audit import exporting, tree
from audit import services as audit
from audit.actions import AuditAction
from audit.context import NOWHERE, Actor, Scope, Target
from audit.exporting import Span
from audit.models import Checkpoint, Leaf
from gateway.http.errors import OutsideError
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Refused
from gateway.outlets import destinations
from gateway.outlets.destinations import Batch, NotTaken
from gateway.outlets.models import Kind, Outlet

log = structlog.get_logger(__name__)
# As often as checkpoints are signed.
EVERY_S = 10
# A mail box is for the worst case: one an hour bounds what can be rewritten unseen.
MAIL_EVERY_S = 3600
LEASE_S = 120
LONGEST_WAIT_S = 300.0
CHECKPOINTS_AT_ONCE = 100
RECORDS_AT_ONCE = 500
MAX_BYTES = 1024 * 1024
SYSTEM_LOG = audit.SYSTEM_LOG


def sweep() -> int:
    """Open what the settings name, close what they do not, and ring for what is due."""
    wanted = set(_wanted())
    known = {(row.kind, row.log, row.address): row for row in Outlet.objects.all()}
    for key in sorted(wanted):
        if key not in known or not known[key].is_open:
            _open(*key)
    for key, row in known.items():
        if row.is_open and key not in wanted:
            _close(row)
    due = work.due(Outlet.objects.open()).count()
    if due:
        ring(JobName.DELIVER_OUTLETS)
    return due


def deliver_due() -> int:
    """Deliver to every outlet that is due; how many batches were taken."""
    taken = 0
    for pk in work.due(Outlet.objects.open()).order_by("due_at").values_list("pk", flat=True):
        row = work.claim(Outlet.objects.open(), pk, lease_s=LEASE_S)
        if row is not None:
            taken += deliver(row)
    return taken


def deliver(row: Outlet) -> bool:
    """Deliver the next batch of a claimed outlet; whether there was one and it was taken.

    What is not taken is tried again, later each time, and what comes after it waits.
    """
    try:
        position = _hand_over(row)
    except (NotTaken, OutsideError, OSError, tree.Broken, ValueError) as error:
        failures = row.failures + 1
        wait_s = work.backoff_s(failures, base_s=2.0, limit_s=LONGEST_WAIT_S)
        reason = getattr(error, "detail", "") or str(error) or type(error).__name__
        work.release(row, after_s=wait_s, failures=failures, reason=reason[:200])
        log.warning("outlet_behind", outlet=row.public_id, log=row.log, reason=reason, n=failures)
        return False
    moved = position > row.position
    changed = {"position": position, "delivered_at": Now()} if moved else {}
    work.release(row, after_s=_pause_s(row, moved=moved), failures=0, reason="", **changed)
    return moved


@transaction.atomic
def send_again(row: Outlet, first: int, *, by: Actor, scope: Scope) -> None:
    """Deliver at once, from this leaf on; the position is the present one for what waits only.

    What is on its way meanwhile arrives again too. Raises Refused for a place that the outlet has
    not come to, or an outlet that is closed.
    """
    if not 0 <= first <= row.position:
        raise Refused("invalid", f"It was delivered up to {row.position}: send from 0 to there.")
    # One more attempt than its worker knows of: what that one still delivers moves no cursor.
    moved = Outlet.objects.open().filter(pk=row.pk, position__gte=first)
    if not moved.update(position=first, due_at=Now(), lease_until=None, attempts=F("attempts") + 1):
        raise Refused("invalid", "It is closed: nothing is delivered there any more.")
    _record(AuditAction.OUTLET_SENT_AGAIN, row, scope=scope, actor=by, first=first)
    ring(JobName.DELIVER_OUTLETS)


def behind(row: Outlet) -> int:
    """How many leaves are signed, or placed, and not delivered yet."""
    newest = tree.newest_checkpoint(row.log)
    signed = newest.size if newest else 0
    return max(0, signed - row.position)


def _wanted() -> Iterable[tuple[str, str, str]]:
    logs = tree.logs() if settings.AUDIT_CUSTODIANS or settings.AUDIT_EXPORT_TO else set()
    for address in settings.AUDIT_CUSTODIANS:
        # The heads of all logs stand in `system`, so one mail covers them.
        for name in [SYSTEM_LOG] if address.startswith("mailto:") else logs:
            yield Kind.CHECKPOINTS.value, name, address
    for address in settings.AUDIT_EXPORT_TO:
        for name in logs:
            yield Kind.RECORDS.value, name, address


@transaction.atomic
def _open(kind: str, name: str, address: str) -> None:
    row, _ = Outlet.objects.update_or_create(
        kind=kind, log=name, address=address, defaults={"is_open": True, "due_at": Now()}
    )
    _record(AuditAction.OUTLET_OPENED, row)


@transaction.atomic
def _close(row: Outlet) -> None:
    if Outlet.objects.filter(Q(pk=row.pk, is_open=True)).update(is_open=False, due_at=None):
        _record(AuditAction.OUTLET_CLOSED, row)


def _record(
    action: AuditAction,
    row: Outlet,
    *,
    scope: Scope = NOWHERE,
    actor: Actor | None = None,
    **meta: int,
) -> None:
    audit.record(
        action,
        target=Target("outlet", row.public_id),
        scope=scope,
        actor=actor,
        meta={"kind": row.kind, "log": row.log, "position": row.position, **meta},
    )


def _hand_over(row: Outlet) -> int:
    """Give the next batch away; where the outlet stands then."""
    if row.kind == Kind.RECORDS:
        return _records(row)
    batch = _checkpoints(row)
    if batch is None:
        return row.position
    if row.address.startswith("mailto:"):
        destinations.mail(row.address, batch)
    elif row.address.startswith("file:"):
        destinations.append_checkpoints(row.address, batch)
    else:
        destinations.post(row.address, batch, "text/plain; charset=utf-8")
    return batch.end


def _checkpoints(row: Outlet) -> Batch | None:
    """The next signed heads, each with an empty line behind it; by mail only the newest."""
    rows = Checkpoint.objects.filter(log=row.log, size__gt=row.position)
    if row.address.startswith("mailto:"):
        found = list(rows.order_by("-size")[:1])
    else:
        found = list(rows.order_by("size")[:CHECKPOINTS_AT_ONCE])
    if not found:
        return None
    return Batch(row.log, row.position, found[-1].size, [f"{head.note}\n" for head in found])


def _records(row: Outlet) -> int:
    """The next lines, as an export has them; a folder goes on to the next signed head."""
    if row.address.startswith("file:"):
        rows = Checkpoint.objects.filter(log=row.log, size__gt=row.position).order_by("size")
        head = rows.filter(size__gte=row.position + RECORDS_AT_ONCE).first() or rows.last()
        if head is None:
            return row.position
        span = Span(row.log, row.position, head.size, head.size)
        return destinations.append_records(row.address, span)
    leaves = Leaf.objects.filter(log=row.log, leaf_index__gte=row.position)
    parts: list[str] = []
    size = 0
    for leaf in leaves.select_related("record").order_by("leaf_index")[:RECORDS_AT_ONCE]:
        parts.append(exporting.line(leaf, leaf.record.body).decode())
        size += len(parts[-1])
        if size > MAX_BYTES:
            break
    if not parts:
        return row.position
    batch = Batch(row.log, row.position, row.position + len(parts), parts)
    destinations.post(row.address, batch, "application/jsonl")
    return batch.end


def _pause_s(row: Outlet, *, moved: bool) -> float:
    if row.address.startswith("mailto:"):
        return MAIL_EVERY_S if moved else EVERY_S
    # There may be more at once: a backlog is worked off without pauses.
    return 0.0 if moved else timedelta(seconds=EVERY_S).total_seconds()
