"""Carrying out what was approved: claim, call, finish. The only caller of a connector's `execute`.

Two transactions with the call between them. The first commits the intent (an execution with a
fencing token), the second the result, and only while the token is still the newest. Before the call
the outside is only read: whether an earlier attempt happened, whether its target moved.
"""

import time
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from approvals.execution.claiming import claim, renew
from approvals.execution.finishing import finish
from approvals.execution.looking import NotSent, before_sending
from approvals.models import Execution
from approvals.services import trail
from approvals.services.definitions import definition_of
from approvals.services.masking import shown_request
from approvals.services.outside import account_of, connector_request
from approvals.states import ExecutionStatus
from audit.actions import AuditAction
from gateway.connections.services import Unavailable
from gateway.connectors import registry
from gateway.connectors.base import Connector, ConnectorRequest, Outcome, OutcomeStatus, Unknown
from gateway.http.door import door
from gateway.lib.errors import DomainError
from gateway.lib.failpoints import Point, reach
from gateway.lib.sealing import CannotUnseal
from gateway.lib.states import move

__all__ = ["call", "claim", "execute", "finish"]
log = structlog.get_logger(__name__)
CALL_DEADLINE_S = 30.0
# Claimed longer ago, an attempt takes its lease anew: a call that begins then would outlive it.
READY_WITHIN_S = 15.0
# As long as a lease has left after the longest call, and somewhat more.
FINISH_WITHIN_S, FINISH_PAUSE_S = 30.0, 0.25
TARGET_TAKEN = "Getting ready took so long that another action works on its target now."


def execute(pk: str) -> None:
    """Do one due action, if it is still due and still exactly what was approved."""
    reach(Point.TAKEN, pk)
    execution = claim(pk)
    if execution is None:
        return
    reach(Point.INTENT_COMMITTED, execution.idempotency_key)
    outcome = call(execution)
    reach(Point.ANSWER_READ, execution.idempotency_key)
    _finish(execution, outcome)
    reach(Point.RESULT_COMMITTED, execution.idempotency_key)


def _finish(execution: Execution, outcome: Outcome | NotSent) -> None:
    """Commit what is known, also where the database was away just now: only we know it.

    Whoever took over meanwhile has a newer number, and then nothing is written.
    """
    status, give_up = execution.status, time.monotonic() + FINISH_WITHIN_S
    while True:
        try:
            return finish(execution, outcome)
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > give_up:
                raise
            log.warning("finish_again", action=execution.action.public_id, error=repr(error))
            connection.close()
            # What was written to the row is rolled back.
            execution.status = status
            time.sleep(FINISH_PAUSE_S)


def call(execution: Execution) -> Outcome | NotSent:
    """Look, then reach out once. From the commit of `sent` on, the request may have left."""
    action = execution.action
    version = definition_of(action)
    claimed = time.monotonic()
    try:
        with door(account_of(version)) as sender:
            request = connector_request(
                version, sender, arguments=action.arguments_value,
                rendered=action.rendered_value or {}, idempotency_key=execution.idempotency_key,
                deadline_s=CALL_DEADLINE_S,
            )  # fmt: skip
            connector = registry.connector(version.connector)
            if (held := before_sending(execution, request)) is not None:
                return held
            # Masking may take a while; no row is locked meanwhile, and the lease counts it.
            told = shown_request(action) or {}
            took_long = time.monotonic() - claimed > READY_WITHIN_S
            if not _commit_sent(execution, told, renewing=took_long):
                return NotSent("target_taken", TARGET_TAKEN)
            return _reach_out(connector, request, execution)
    except Unavailable as error:
        return NotSent("no_token", str(error))
    except (DomainError, CannotUnseal, Unknown) as error:
        return NotSent("not_sent", str(error))


def _commit_sent(execution: Execution, request: dict[str, Any], *, renewing: bool) -> bool:
    """False where another action took its target meanwhile; StaleState where a worker took over."""
    with transaction.atomic():
        if renewing and not renew(execution):
            return False
        move(
            execution, ExecutionStatus.SENT, sent_at=Now(), request=request,
            looked_up=execution.looked_up,
        )  # fmt: skip
        trail.record_execution(
            execution, AuditAction.EXECUTION_SENT, connection=execution.connection
        )
    return True


def _reach_out(connector: Connector, request: ConnectorRequest, execution: Execution) -> Outcome:
    try:
        return connector.execute(request)
    except Exception as error:  # a connector's bug after the intent: nobody knows what happened
        log.exception("connector_crashed", action=execution.action.public_id)
        return Outcome(
            OutcomeStatus.UNKNOWN, error=f"The connector failed: {type(error).__name__}",
            reason="connector_error", may_have_happened=True,
        )  # fmt: skip
