"""Gives committed records their places in the trees, and signs what the trees have become.

Runs from the scheduler's ticks, never inside a request. Writers never wait for it: a record that is
committed late gets a later place. One at a time: each transaction holds a lock that ends with it,
so a process that is killed leaves nothing half-done and nothing locked.
"""

import time
import uuid
from collections import defaultdict
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit import checkpoints, keys, merkle, published, services, tree
from audit.actions import AuditAction
from audit.checkpoints import BadNote, Head
from audit.context import NOWHERE, Target
from audit.continuity import Inconsistent, prove
from audit.models import AuditRecord, Checkpoint, Leaf, Pending
from audit.services import SYSTEM_LOG

log_ = structlog.get_logger(__name__)
# One transaction: on SQLite everybody else who writes waits for it, about ten milliseconds.
BATCH = 256
# Records at a time of which a new leader asks whether they were forgotten.
LOOKED_AT = 2000
CHECKPOINT_LEAVES = 256
CHECKPOINT_S = 10
# A tick must end before the scheduler's lease does: so long for places, then so long to sign.
BUDGET_S = 2.0
SIGNING_S = 1.0
LOCK = 6962


class Sequencer:
    """What one process remembers while it leads; whoever leads next finds it out anew."""

    def __init__(self) -> None:
        self.forgotten_after: uuid.UUID | None = uuid.UUID(int=0)
        self.unsigned: dict[str, float] = {}
        # Whether a log was found that does not continue what was published.
        self.has_refused = False

    def tick(self) -> int:
        """Give places for some seconds at most, then sign what is due; how many places."""
        until = time.monotonic() + BUDGET_S
        given = 0
        while time.monotonic() < until:
            self._remember_forgotten()
            grown = sequence()
            given += sum(grown.values())
            self.unsigned |= dict.fromkeys(grown, 0.0)
            if not grown and self.forgotten_after is None:
                break
        if settings.AUDIT_SIGNING_KEY:
            self._sign_due()
        return given

    def _remember_forgotten(self) -> None:
        """Once, from the oldest on; so what earlier releases left enters before what is new."""
        if self.forgotten_after is None:
            return
        if self.forgotten_after.int == 0:
            self.unsigned = dict.fromkeys(tree.logs(), 0.0)
        self.forgotten_after = enqueue_forgotten(self.forgotten_after)

    def _sign_due(self) -> None:
        try:
            published.announce_key(_public_key())
        except published.UnknownKey as error:
            log_.error("audit_key_unknown", error=str(error))
            return
        now = time.monotonic()
        # Those that wait longest come first; what there is no time for comes with the next tick.
        waiting = sorted((after, log) for log, after in self.unsigned.items() if after <= now)
        for _, log in waiting:
            if time.monotonic() > now + SIGNING_S:
                return
            size = tree.size(log)
            newest = tree.newest_checkpoint(log)
            if newest is not None and newest.size == size:
                del self.unsigned[log]
            elif _is_due(newest, size):
                self.unsigned[log] = now + CHECKPOINT_S
                self.has_refused |= not _tried_to_sign(log, size)


def enqueue_forgotten(after: uuid.UUID) -> uuid.UUID | None:
    """Note those of the next records that have neither a place nor a note that they need one.

    Such are the records of earlier releases, and those that came while a trigger was missing.
    Gives the last id looked at, or None where there are no more.
    """
    rows = AuditRecord.objects.filter(pk__gt=after).order_by("pk")
    looked_at = list(rows.values_list("pk", flat=True)[:LOOKED_AT])
    if not looked_at:
        return None
    known = Pending.objects.values("record_id")
    forgotten = rows.filter(pk__lte=looked_at[-1], leaf=None).exclude(pk__in=known)
    Pending.objects.bulk_create(
        [Pending(record_id=pk) for pk in forgotten.values_list("pk", flat=True)],
        ignore_conflicts=True,
    )
    return looked_at[-1]


def sequence() -> dict[str, int]:
    """Give up to `BATCH` records their places, oldest first; how many in which log."""
    if not Pending.objects.exists():
        return {}
    with transaction.atomic():
        if not _alone():
            return {}
        ids = list(Pending.objects.order_by("pk").values_list("pk", flat=True)[:BATCH])
        rows = AuditRecord.objects.filter(pk__in=ids, leaf=None)
        by_log: dict[str, list[tuple[uuid.UUID, str]]] = defaultdict(list)
        for log, pk, body in rows.order_by("pk").values_list("log", "pk", "body"):
            by_log[log].append((pk, body))
        for log, records in by_log.items():
            Leaf.objects.bulk_create(_leaves(log, records))
        Pending.objects.filter(pk__in=ids).delete()
    return {log: len(records) for log, records in by_log.items()}


def sign(log: str, size: int) -> Checkpoint:
    """Sign the tree of the first leaves, if it continues what was published before.

    Raises Inconsistent where it does not, and then signs nothing.
    """
    head = Head(log, size, tree.root(log, size))
    newest = tree.newest_checkpoint(log)
    if newest is not None:
        prove(Head(log, newest.size, bytes.fromhex(newest.root)), head)
    if (last := published.newest(log)) is not None:
        prove(last, head)
    note = checkpoints.sign(head, settings.AUDIT_SIGNING_KEY)
    published.publish(head, note)
    row = Checkpoint(log=log, size=size, root=head.root.hex(), note=note)
    with transaction.atomic():
        row.save()
        if log != SYSTEM_LOG:
            _anchor(head)
    return row


def _anchor(head: Head) -> None:
    """The head of a tenant's log becomes a leaf of the deployment's: whoever keeps heads of that
    one log has them all, and no tenant learns of another."""
    services.record(
        AuditAction.CHECKPOINT_SIGNED,
        target=Target("log", head.log),
        scope=NOWHERE,
        meta={"size": head.size, "root": head.root.hex()},
    )


def _leaves(log: str, records: list[tuple[uuid.UUID, str]]) -> list[Leaf]:
    frontier = tree.frontier(log, tree.size(log))
    made = []
    for pk, body in records:
        index = frontier.size
        own, *completed = frontier.append(merkle.leaf_hash(body.encode()))
        made.append(
            Leaf(
                record_id=pk,
                log=log,
                leaf_index=index,
                leaf_hash=own.hex(),
                completed=b"".join(completed).hex(),
            )
        )
    return made


def _alone() -> bool:
    """Whether nobody else gives places. SQLite has one writer anyway."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _is_due(newest: Checkpoint | None, size: int) -> bool:
    if newest is None or size < newest.size:  # fewer than signed: to be refused, loudly
        return True
    waited = timezone.now() - newest.signed_at >= timedelta(seconds=CHECKPOINT_S)
    return waited or size - newest.size >= CHECKPOINT_LEAVES


def _tried_to_sign(log: str, size: int) -> bool:
    """Whether it was signed; what keeps it from that is logged."""
    try:
        sign(log, size)
    except (Inconsistent, BadNote, tree.Broken) as error:
        log_.error("audit_checkpoint_refused", log=log, size=size, error=str(error))
        return False
    return True


def _public_key() -> str:
    return keys.public(settings.AUDIT_SIGNING_KEY)
