"""A run follows its actions: its status, its timeline, and the reports that become due."""

from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now

from approvals.models import Action
from approvals.services import cancel_run_actions, shown_arguments
from approvals.states import OPEN, ActionStatus
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.broker import JobName, ring
from gateway.lib.prepared import Prepared
from gateway.runs.models import Report, Run, RunEvent
from gateway.runs.services.timeline import append, locked, shift
from gateway.runs.states import FINAL, RunStatus
from gateway.tenants import principals

REPORT_FOR = timedelta(hours=24)
# The requester of a run's own tool calls is its agent; by API it is a key or a person.
PROVIDERS_CALL = "agent"
BUDGET_CODE, RATE_CODE = "budget_exceeded", "rate_limited"
# Refusals that an agent must tell from a rule's, and what a call that was refused at once is told.
TOLD_BY_CODE = frozenset({BUDGET_CODE, RATE_CODE})
TOLD_AT_ONCE = TOLD_BY_CODE | {"rejected", "expired", "not_permitted", "loop_detected"}
RAN = frozenset({ActionStatus.SUCCEEDED, ActionStatus.FAILED})
_STATUSES = Prepared(
    lambda run: (
        Action.objects.filter(run_id=run).order_by().values_list("status", flat=True).distinct()
    ),
    run=Run._meta.pk,
)
_NOTED = Prepared(
    lambda run, kind, action: (
        RunEvent.objects.filter(run=run, kind=kind)
        .alias(about=Cast(KT("data__action"), models.TextField()))
        .filter(about=action)
        .values_list("data", flat=True)
    ),
    run=Run._meta.pk,
    kind=RunEvent._meta.get_field("kind"),
    action=models.TextField(),
)
_REPORT = Prepared(lambda action: Report.objects.filter(action=action), action=Action._meta.pk)


def action_changed(action: Action) -> None:
    """Take in one change of one of the run's actions; repeated calls change nothing."""
    if action.run_id is None:
        return
    with transaction.atomic():
        run = locked(action.run_id)
        _note(run, action)
        if action.is_settled:
            _owe_report(run, action)
        if run.status not in FINAL:
            _follow(run)
        elif not action.is_settled:
            # It was under way when the run ended, and came back: a retry is not wanted any more.
            run_changed(run)


def run_changed(run: Run) -> None:
    """Clean up behind a run that ended."""
    if run.is_final:
        reason = f"The run is {run.get_status_display().lower()}."
        cancel_run_actions(run.pk, principals.system(run.environment), reason=reason)


def _note(run: Run, action: Action) -> None:
    data = {"action": action.public_id, "tool": action.tool_name, "version": action.version}
    if action.code in TOLD_AT_ONCE:
        data["code"] = action.code
    kind = f"action.{action.status}"
    noted = _NOTED(run=run.pk, kind=kind, action=action.public_id)
    if all(line.get("version") != action.version for line in noted):
        append(run, kind, data, event=action.source_event)


def _follow(run: Run) -> None:
    """One pending action: waiting for approval. One open: tool required. None: the agent's turn."""
    statuses = set(_STATUSES(run=run.pk))
    if ActionStatus.PENDING in statuses:
        wanted = RunStatus.WAITING_APPROVAL
    elif statuses & OPEN:
        wanted = RunStatus.TOOL_REQUIRED
    else:
        wanted = RunStatus.RUNNING
    _walk(run, wanted)


def _walk(run: Run, wanted: RunStatus) -> None:
    if run.status == wanted or run.status == RunStatus.QUEUED:
        return
    if run.status == RunStatus.RUNNING and wanted == RunStatus.WAITING_APPROVAL:
        shift(run, RunStatus.TOOL_REQUIRED)
    shift(run, wanted)


def _owe_report(run: Run, action: Action) -> None:
    """Open the one report of a settled action; an ended run is owed nothing any more.

    A call made by API within the run is not one the provider made: its caller reads the outcome.
    """
    by_provider = action.requester_kind == PROVIDERS_CALL
    if run.status in FINAL or run.provider_run_id is None or not by_provider:
        return
    # The run is locked, so nobody opens it in between.
    if not _REPORT(action=action.pk):
        report = Report.objects.create(
            action=action, run=run, call_id=action.call_id, answer=_answer(action),
            give_up_at=Now() + REPORT_FOR, due_at=Now(),
        )  # fmt: skip
        audit.record(
            AuditAction.REPORT_OPENED, target=Target("report", report.public_id),
            scope=run.environment.audit_scope, meta={"action": action.public_id},
        )  # fmt: skip
    ring(JobName.REPORT_RESULT, str(run.pk))


def _answer(action: Action) -> dict[str, Any]:
    """What the agent hears; where others than its own arguments ran, which, secrets masked."""
    answer = _outcome(action)
    if action.status in RAN and action.has_other_arguments:
        answer["effective_arguments"] = shown_arguments(action)
    return answer


def _outcome(action: Action) -> dict[str, Any]:
    """Typed fields; words of people and services stay data."""
    if action.status == ActionStatus.SUCCEEDED:
        told = {"result": action.result}
        if action.result_mismatch:
            # It ran all the same: doing it once more would be a second effect.
            told["result_mismatch"] = action.result_mismatch
        return told
    at_once = action.status == ActionStatus.DENIED and action.code in TOLD_AT_ONCE
    own = at_once or action.status == ActionStatus.INVALID or action.code in TOLD_BY_CODE
    code = action.code if own else action.status
    message = action.reason or action.get_status_display()
    return {
        "error": {"code": code or action.status, "message": message, "retryable": code == RATE_CODE}
    }
