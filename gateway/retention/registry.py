"""Every declaration of what is kept, gathered from the apps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Model, Q, QuerySet

from approvals import retention as approvals
from audit import retention as audit
from audit.kept import Kept
from gateway.agents import retention as agents
from gateway.board import retention as board
from gateway.budgets import retention as budgets
from gateway.connections import retention as connections
from gateway.notices import retention as notices
from gateway.outlets import retention as outlets
from gateway.retention import others
from gateway.runs import retention as runs
from gateway.tenants import retention as tenants
from gateway.tools import retention as tools
from webhooks import retention as webhooks

PARTS = (
    webhooks, notices, runs, approvals, budgets, agents, tools, connections, tenants, outlets,
    board, audit, others,
)  # fmt: skip
TOMBSTONE = "pruned_at"


def declared() -> list[Kept]:
    """All of them, those that refer to others before what they refer to."""
    return [kept for part in PARTS for kept in part.KEPT]


def model_of(kept: Kept) -> type[Model]:
    """The model that it is about."""
    return apps.get_model(kept.model)


def rows_of(kept: Kept, tenant: Any = None) -> QuerySet[Any]:
    """Its rows; with a tenant only those of this tenant."""
    rows: QuerySet[Any] = model_of(kept)._base_manager.all()
    return rows.filter(**{kept.tenant: tenant}) if tenant else rows


def has_tombstone(kept: Kept) -> bool:
    """Whether a row says by itself since when it is empty."""
    return any(column.name == TOMBSTONE for column in model_of(kept)._meta.fields)


def limited() -> Iterator[tuple[Kept, int]]:
    """What goes after a time, and after how many days."""
    for kept in declared():
        days = int(getattr(settings, kept.days)) if kept.days else 0
        if days:
            yield kept, days


def overdue(kept: Kept, days: int, *, now: datetime) -> QuerySet[Any]:
    """The rows whose time is over and of which something is left."""
    old = {f"{kept.since}__lt": now - timedelta(days=days)}
    return rows_of(kept).filter(kept.closed, left(kept), **old)


def left(kept: Kept) -> Q:
    """That a row still holds something of what would go."""
    if kept.deletes:
        return Q()
    if has_tombstone(kept):
        return Q(**{TOMBSTONE: None})
    found = Q()
    for field, blank in kept.personal.items():
        found |= Q(**{f"{field}__isnull": False}) if blank is None else ~Q(**{field: blank})
    return found


def empty(kept: Kept, keys: list[Any], *, now: datetime) -> None:
    """Take what goes out of these rows, in the caller's transaction."""
    rows = rows_of(kept).filter(pk__in=keys)
    if kept.deletes:
        rows.delete()
        return
    stamp = {TOMBSTONE: now} if has_tombstone(kept) else {}
    rows.update(**kept.personal, **stamp)
