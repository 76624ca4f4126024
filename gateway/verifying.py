"""A log verified because somebody asked on the desk: by a worker, with progress, and recorded.

The row of the log says what is due, so a bell that was lost or a worker that was killed delays the
answer and loses nothing.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from audit import badge, rotation, tree
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Actor, Scope, Target
from audit.models import Verification
from audit.verification import CannotVerify, LogReport, verify
from gateway.lib import work
from gateway.lib.broker import JobName, ring

log_ = structlog.get_logger(__name__)
LEASE_S = 120
LEASE = timedelta(seconds=LEASE_S)
SAY_EVERY_S = 1.0
MAX_ATTEMPTS = 3
MAX_TROUBLE = 500


class Lost(Exception):
    """Another worker holds the row now."""


@transaction.atomic
def ask(log: str, *, by: Actor, scope: Scope) -> bool:
    """Have a log verified soon; whether that was not asked for already."""
    Verification.objects.get_or_create(log=log)
    asked = Verification.objects.filter(log=log, asked_at=None).update(
        asked_at=Now(), due_at=Now(), lease_until=None, attempts=0, read=0, trouble=""
    )
    if asked:
        audit.record(
            AuditAction.VERIFICATION_ASKED, target=Target("log", log), scope=scope, actor=by
        )
        ring(JobName.VERIFY_LOGS)
    return bool(asked)


def sweep() -> int:
    """Ring for the logs that wait, or whose worker is gone; how many they are."""
    due = work.due(Verification.objects.all()).count()
    if due:
        ring(JobName.VERIFY_LOGS)
    return due


def carry_out_due() -> int:
    """Verify each log that is due, one after the other; how many came to an end."""
    done = 0
    for log in list(work.due(Verification.objects.all()).values_list("pk", flat=True)):
        row = work.claim(Verification.objects.all(), log, lease_s=LEASE_S)
        if row is not None:
            done += _carry_out(row)
    return done


def _carry_out(row: Verification) -> bool:
    """Verify a claimed log; false where it was lost to another worker."""
    if row.attempts > MAX_ATTEMPTS:
        return _give_up(row, "its worker ended three times; manage.py audit_verify says more")
    try:
        keys, _ = rotation.trusted([])
        reports = verify(public_keys=keys, only=row.log, progress=_progress(row))
    except Lost:
        return False
    except (CannotVerify, tree.Broken, OSError) as error:
        return _give_up(row, str(error))
    return _finish(row, reports)


def _progress(row: Verification) -> Callable[[str, int], None]:
    said = 0.0

    def say(_: str, leaves: int) -> None:
        nonlocal said
        if time.monotonic() - said < SAY_EVERY_S:
            return
        said = time.monotonic()
        held = Verification.objects.filter(work.holds(row))
        if not held.update(read=leaves, lease_until=Now() + LEASE):
            raise Lost

    return say


@transaction.atomic
def _finish(row: Verification, reports: list[LogReport]) -> bool:
    found = sum(report.found for report in reports)
    if not work.release(row, after_s=None, asked_at=None, read=reports[1].leaves, trouble=""):
        return False
    badge.remember(reports)
    _record(row, "broken" if found else "", leaves=reports[1].leaves, found=found)
    return True


@transaction.atomic
def _give_up(row: Verification, text: str) -> bool:
    trouble = f"It could not be verified: {text}"[:MAX_TROUBLE]
    if not work.release(row, after_s=None, asked_at=None, trouble=trouble):
        return False
    log_.error("audit_verification_failed", log=row.log, reason=text)
    _record(row, "not_finished")
    return True


def _record(row: Verification, reason: str, **meta: int) -> None:
    tenant = None if row.log == audit.SYSTEM_LOG else row.log
    audit.record(
        AuditAction.LOG_VERIFIED, target=Target("log", row.log), scope=Scope(tenant),
        outcome="failed" if reason else "ok", reason=reason, meta=meta,
    )  # fmt: skip
