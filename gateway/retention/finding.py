"""Which rows speak of a person: one reading of everything that may, with nothing changed."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from audit.kept import Kept
from gateway.lib import ids
from gateway.retention import registry
from gateway.retention.names import Names
from gateway.tenants.models import SubjectKey, Tenant, User
from gateway.tenants.services import subjects

CHUNK = 500
Progress = Callable[[str, int], None]


def silent(model: str, rows: int) -> None:
    """Progress that nobody watches."""


@dataclass
class Rows:
    """The rows of one model: `free` may go, `held` are still needed.

    What the person only wrote is no less evidence for that: it stays, without leading to anybody.
    """

    kept: Kept
    free: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)

    @property
    def all(self) -> list[Any]:
        """Whatever there is to tell the person."""
        return sorted({*self.free, *self.held, *self.written})


@dataclass(frozen=True)
class Person:
    """One or more people as a tenant calls them, and what is held about them."""

    tenant: Tenant
    names: Names
    users: list[User]
    keys: list[SubjectKey]
    rows: list[Rows]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each model may go."""
        return {found.kept.model: len(found.free) for found in self.rows if found.free}

    @property
    def held(self) -> dict[str, list[str]]:
        """The public ids of what has to stay for now, by model."""
        return {
            found.kept.model: [public_id(found.kept, key) for key in found.held]
            for found in self.rows
            if found.held
        }


def find(tenant: Tenant, names: Iterable[str], *, progress: Progress = silent) -> Person:
    """What the tenant holds about whom it calls so; raises TooShort.

    A member's id or address stands for both, for a full name, and for what that member wrote.
    """
    users = _users(tenant, names := list(names))
    every = Names([*names, *(text for user in users for text in _called(user))])
    found = [_rows(kept, tenant, every, users, progress) for kept in _personal()]
    _follow(tenant, found)
    return Person(tenant, every, users, subjects.keys_of(tenant, every.all), found)


def public_id(kept: Kept, key: uuid.UUID) -> str:
    """A row's id as everybody outside sees it."""
    return ids.encode(registry.model_of(kept).PREFIX, key)  # type: ignore[attr-defined]


def _personal() -> list[Kept]:
    return [kept for kept in registry.declared() if kept.personal]


def _users(tenant: Tenant, names: list[str]) -> list[User]:
    wanted = {name.strip().casefold() for name in names}
    members = User.objects.filter(memberships__tenant=tenant)
    return [user for user in members if {user.public_id, user.email.casefold()} & wanted]


def _called(user: User) -> list[str]:
    # A single word would be found in other people's names, too.
    return [user.public_id, user.email, *([user.name] if " " in user.name else [])]


def _rows(kept: Kept, tenant: Tenant, names: Names, users: list[User], progress: Progress) -> Rows:
    found, rows = Rows(kept), registry.rows_of(kept, tenant)
    if kept.writer and users:
        found.written = list(
            rows.filter(**{f"{kept.writer}__in": users}).values_list("pk", flat=True)
        )
    is_free = kept.closed or Q(pk__isnull=False)
    columns = rows.filter(registry.left(kept)).annotate(is_free=is_free)
    values = columns.values_list("pk", "is_free", *kept.personal)
    for read, (key, may_go, *said) in enumerate(values.iterator(CHUNK), start=1):
        if any(map(names.are_in, said)):
            (found.free if may_go else found.held).append(key)
        if read % CHUNK == 0:
            progress(kept.model, read)
    return found


def _follow(tenant: Tenant, found: list[Rows]) -> None:
    """What belongs to a row that goes, goes with it, whatever it says itself."""
    by_model = {rows.kept.model: rows for rows in found}
    for rows in found:
        if not rows.kept.within:
            continue
        model = registry.model_of(rows.kept)
        above = model._meta.get_field(rows.kept.within).related_model
        of = by_model[above._meta.label]  # type: ignore[union-attr]
        inside = registry.rows_of(rows.kept, tenant).filter(
            rows.kept.closed, registry.left(rows.kept), **{f"{rows.kept.within}__in": of.free}
        )
        rows.free = sorted({*rows.free, *inside.values_list("pk", flat=True)})
