"""Telling the provider how its tool calls ended: one at a time per run, in call order."""

import structlog
from django.db import transaction
from django.db.models.functions import Now

from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.http.errors import OutsideError
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.clock import database_now
from gateway.lib.failpoints import Point, reach
from gateway.lib.prepared import Prepared
from gateway.lib.states import move
from gateway.providers.base import RunUpdate, ToolAnswer, ToolError
from gateway.runs.models import Report, Run
from gateway.runs.services import updating
from gateway.runs.services.provider_calls import provider_call
from gateway.runs.services.timeline import append, locked
from gateway.runs.states import FINAL, ReportStatus

log = structlog.get_logger(__name__)
LEASE_S = 60
OPEN = (ReportStatus.DUE, ReportStatus.SENDING)
_FIRST_OPEN = Prepared(
    lambda run: (
        Report.objects.filter(run=run, status__in=OPEN)
        .select_related("action")
        .order_by("action__id")[:1]
    ),
    run=Run._meta.pk,
)


def report_run(run_pk: str) -> None:
    """Send every report of one run that is due, until one has to wait."""
    while (report := _claim(run_pk)) is not None:
        context.adopt(report.run.correlation_id)
        if not _send(report):
            return


def _claim(run_pk: str) -> Report | None:
    """The run's next report; None while another one is under way or none is due."""
    if not _FIRST_OPEN(run=run_pk):
        return None  # without waiting for the run's lock; what opens later rings again
    with transaction.atomic():
        run = locked(run_pk)
        if not (found := _FIRST_OPEN(run=run_pk)):
            return None
        (first,) = found
        now = database_now()
        if first.status == ReportStatus.SENDING:
            if first.lease_until and first.lease_until > now:
                return None
            move(first, ReportStatus.DUE, lease_until=None)
        first.run = run
        if run.status in FINAL:
            _drop(first)
            return None
        if first.due_at is None or first.due_at > now:
            return None
        move(
            first, ReportStatus.SENDING, attempts=first.attempts + 1,
            lease_until=Now() + work.timedelta(seconds=LEASE_S),
        )  # fmt: skip
        first.run = run
        return first


def _drop(report: Report) -> None:
    """Nobody waits for the answer of a call whose run has ended."""
    move(report, ReportStatus.DEAD, due_at=None, error="The run had ended.")
    _record(report, AuditAction.REPORT_DEAD, reason="run_ended")


def _send(report: Report) -> bool:
    run = report.run
    try:
        with provider_call(run.provider, key=report.public_id) as (provider, request):
            reach(Point.REPORTING, report.public_id)
            update = provider.submit_result(request, run.provider_run_id or "", _answer(report))
            reach(Point.REPORTED, report.public_id)
    except OutsideError as error:
        _later_or_dead(report, error)
        return error.permanent
    except Exception as error:  # a bug of an adapter, a credential that does not open
        log.exception("report_crashed", report=report.public_id)
        detail = f"It could not be sent: {type(error).__name__}."
        _later_or_dead(report, OutsideError("crashed", False, True, detail=detail))
        return False
    _delivered(report)
    if isinstance(update, RunUpdate):
        # The reply joins the same road as a webhook; it belongs to this report, once.
        updating.apply_update(
            run.provider, update, source="report", event_public_id=report.public_id
        )
    return True


def _answer(report: Report) -> ToolAnswer:
    error = report.answer.get("error")
    return ToolAnswer(
        call_id=report.call_id,
        result=report.answer.get("result"),
        result_mismatch=report.answer.get("result_mismatch", ""),
        error=ToolError(error["code"], error["message"], error["retryable"]) if error else None,
        effective_arguments=report.answer.get("effective_arguments"),
    )


def _delivered(report: Report) -> None:
    with transaction.atomic():
        run = locked(report.run_id)
        fresh = Report.objects.get(pk=report.pk)
        if fresh.attempts != report.attempts or fresh.status != ReportStatus.SENDING:
            return
        move(
            fresh,
            ReportStatus.DELIVERED,
            due_at=None,
            lease_until=None,
            delivered_at=Now(),
            error="",
        )
        fresh.run = run
        append(run, "report.delivered", {"call_id": report.call_id})
        _record(fresh, AuditAction.REPORT_DELIVERED)


def _later_or_dead(report: Report, error: OutsideError) -> None:
    log.warning("report_failed", report=report.public_id, reason=error.reason)
    with transaction.atomic():
        run = locked(report.run_id)
        fresh = Report.objects.get(pk=report.pk)
        if fresh.attempts != report.attempts or fresh.status != ReportStatus.SENDING:
            return
        fresh.run = run
        if error.permanent or fresh.give_up_at <= database_now():
            move(fresh, ReportStatus.DEAD, due_at=None, lease_until=None, error=error.detail)
            append(run, "report.dead", {"call_id": report.call_id, "reason": error.reason})
            _record(fresh, AuditAction.REPORT_DEAD, reason=error.reason)
            return
        wait_s = error.retry_after or work.backoff_s(fresh.attempts, limit_s=300)
        due_at = Now() + work.timedelta(seconds=wait_s)
        move(fresh, ReportStatus.DUE, due_at=due_at, lease_until=None, error=error.detail)
    ring(JobName.REPORT_RESULT, str(report.run_id), delay_ms=int(wait_s * 1000))


def _record(report: Report, what: AuditAction, *, reason: str = "") -> None:
    audit.record(
        what, target=Target("report", report.public_id),
        scope=report.run.environment.audit_scope, reason=reason,
        meta={"run": report.run.public_id, "attempts": report.attempts},
    )  # fmt: skip
