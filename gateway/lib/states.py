"""The only code that writes a status: by the table of moves, only where the old one holds."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now

from gateway.lib.broker import JobName, ring
from gateway.lib.changing import change, keep
from gateway.lib.errors import StaleState
from gateway.lib.prepared import Prepared


@dataclass(frozen=True)
class Machine:
    """States of one kind of row: where it may start, and which moves are declared."""

    starts: frozenset[str]
    moves: Mapping[str, frozenset[str]]

    @property
    def finals(self) -> frozenset[str]:
        """The states that nothing leaves."""
        return frozenset(state for state, targets in self.moves.items() if not targets)

    def allows(self, old: str, new: str) -> bool:
        """Whether the table declares this move."""
        return new in self.moves.get(old, frozenset())


class UndeclaredMove(Exception):
    """A program error: the table of states does not know this move."""


class Moving(Protocol):
    """A model row with a status and its table; `announces` names what an announcement calls it."""

    machine: ClassVar[Machine]
    announces: ClassVar[str]
    pk: Any
    status: str


def announcement(model: type[models.Model] | models.Model) -> dict[str, Any]:
    """The columns that every edit or move of an announcing row sets in the same statement."""
    if not getattr(model, "announces", ""):
        return {}
    return {"announce_due_at": Now(), "row_version": F("row_version") + 1}


def announce(row: Any) -> None:
    """Ring for an announcing row once its change is committed; the sweep finds it otherwise."""
    if kind := getattr(row, "announces", ""):
        ring(JobName.ANNOUNCE, kind, str(row.pk))


def move(row: Any, to: str, *, only_if: Any = None, **fields: Any) -> None:
    """Move one row by its table and set `fields` with it; `only_if` is one more condition.

    Raises UndeclaredMove for a move the table does not know, StaleState when the row has left the
    status it was read with or the condition does not hold. The instance is refreshed with what was
    written.
    """
    move_quietly(row, to, only_if=only_if, **fields)
    announce(row)


def move_quietly(row: Any, to: str, *, only_if: Any = None, **fields: Any) -> None:
    """The same for a state that is usually over in a moment: its news wait for the sweep.

    The next state's announcement takes them along where it comes before.
    """
    old = row.status
    _check(type(row).machine, (old,), to)
    if not change(row, old, only_if, status=to, **fields, **announcement(row)):
        raise StaleState(f"{row} is no longer {old}: it changed meanwhile.", row=str(row))


def hold(row: Any) -> None:
    """Lock the row, and read its own columns again; related rows stay while they are its own."""
    model: Any = type(row)
    found = _locked(model)(key=row.pk)
    if not found:
        raise model.DoesNotExist(f"{row} is gone.")
    keep(row, [getattr(found[0], field.attname) for field in row._meta.concrete_fields])


@cache
def _locked(model: type[models.Model]) -> Prepared[Any]:
    return Prepared(
        lambda key: model._base_manager.filter(pk=key).select_for_update(), key=model._meta.pk
    )


def move_many(queryset: models.QuerySet[Any], old: str, to: str, **fields: Any) -> list[uuid.UUID]:
    """Move every row of the queryset that is still in `old`; returns the ids that moved.

    Two statements whatever the number: the rows are locked (SQLite's transaction holds the whole
    database) in the order of their ids, then changed, so two callers never move the same row.
    """
    model = queryset.model
    _check(model.machine, (old,), to)
    with transaction.atomic():
        rows = queryset.filter(status=old).select_for_update(of=("self",)).order_by("pk")
        moved = list(rows.values_list("pk", flat=True))
        if moved:
            model._default_manager.filter(pk__in=moved).update(
                status=to, **fields, **announcement(model)
            )
    if kind := getattr(model, "announces", ""):
        for pk in moved:
            ring(JobName.ANNOUNCE, kind, str(pk))
    return moved


def move_all(queryset: models.QuerySet[Any], old: str, to: str, **fields: Any) -> int:
    """Move every row of the queryset that is still in `old`, in one statement; returns how many.

    For rows that announce nothing, of callers who hold their locks already or whose database has
    one writer: where others lock the same rows in another order, `move_many` is the one to take.
    """
    model = queryset.model
    _check(model.machine, (old,), to)
    if getattr(model, "announces", ""):
        raise TypeError(f"{model.__name__} rows are announced one by one: use move_many.")
    return queryset.filter(status=old).update(status=to, **fields)


def _check(machine: Machine, olds: Iterable[str], to: str) -> None:
    for old in olds:
        if not machine.allows(old, to):
            raise UndeclaredMove(f"no move from {old} to {to} is declared")
