"""What a change of an action or run sets off: the run follows, reports open, desks are told."""

import structlog

from approvals.models import Action
from audit import context
from gateway.budgets.models import BudgetAlert
from gateway.lib import live
from gateway.notices.services import filing
from gateway.runs import services as runs
from gateway.runs.models import Run

log = structlog.get_logger(__name__)
Announcing = Action | Run | BudgetAlert
KINDS: dict[str, type[Announcing]] = {
    model.announces: model for model in (Action, Run, BudgetAlert)
}


def announce(kind: str, pk: str) -> None:
    """Handle one announcement; the mark is cleared only for the version that was handled.

    Every part may be repeated without harm, so a crash in between costs nothing.
    """
    model = KINDS[kind]
    row: Announcing | None = (
        model.objects.select_related("environment__tenant")
        .filter(pk=pk, announce_due_at__isnull=False)
        .first()
    )
    if row is None:
        return
    context.adopt(row.correlation_id)
    if isinstance(row, Action):
        runs.action_changed(row)
    elif isinstance(row, Run):
        runs.run_changed(row)
    _tell(row, kind)
    if isinstance(row, Action):
        filing.follow(row)
    model.objects.filter(pk=row.pk, row_version=row.row_version).update(announce_due_at=None)


def _tell(row: Announcing, kind: str) -> None:
    news = {"kind": kind, "id": row.public_id, "version": row.row_version, "status": row.status}
    log.info(kind, id=row.public_id, status=row.status, version=row.row_version)
    live.publish(row.environment.live_topic, news, and_to=f"{kind}.{row.pk}")
