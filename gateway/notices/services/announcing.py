"""What a change of an action or run sets off: the run follows, reports open, desks are told."""

from typing import Any

import structlog
from django.db.models import Q

from approvals.models import Action
from audit import context
from gateway.budgets.models import BudgetAlert
from gateway.lib import live
from gateway.lib.changing import Condition, change
from gateway.lib.prepared import Prepared
from gateway.notices.services import filing
from gateway.runs import services as runs
from gateway.runs.models import Run

log = structlog.get_logger(__name__)
Announcing = Action | Run | BudgetAlert
KINDS: dict[str, type[Announcing]] = {
    model.announces: model for model in (Action, Run, BudgetAlert)
}

_ANNOUNCED: dict[str, Prepared[Any]] = {
    kind: Prepared(
        lambda key, model=model: model.objects.select_related("environment__tenant").filter(
            pk=key, announce_due_at__isnull=False
        ),
        key=model._meta.pk,
    )
    for kind, model in KINDS.items()
}
_SAME = {
    kind: Condition(
        lambda version: Q(row_version=version), version=model._meta.get_field("row_version")
    )
    for kind, model in KINDS.items()
}


def announce(kind: str, pk: str) -> None:
    """Handle one announcement; the mark is cleared only for the version that was handled.

    Every part may be repeated without harm, so a crash in between costs nothing.
    """
    found = _ANNOUNCED[kind](key=pk)
    if not found:
        return
    (row,) = found
    context.adopt(row.correlation_id)
    if isinstance(row, Action):
        runs.action_changed(row)
    elif isinstance(row, Run):
        runs.run_changed(row)
    _tell(row, kind)
    if isinstance(row, Action):
        filing.follow(row)
    change(row, None, _SAME[kind](version=row.row_version), announce_due_at=None)


def _tell(row: Announcing, kind: str) -> None:
    news = {"kind": kind, "id": row.public_id, "version": row.row_version, "status": row.status}
    log.info(kind, id=row.public_id, status=row.status, version=row.row_version)
    live.publish(row.environment.live_topic, news, and_to=f"{kind}.{row.pk}")
