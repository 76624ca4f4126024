"""Erasing people: their keys go, what spoke of them is emptied, tombstones and proofs stay."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.retention import finding, registry
from gateway.retention.finding import Person, Progress
from gateway.retention.names import TooShort
from gateway.tenants.models import Challenge, Member, SignIn, Tenant, User
from gateway.tenants.principals import Principal
from gateway.tenants.services import subjects

ERASE = "tenants.erase_subject"
# Nobody has this address, and no mail goes there.
NO_ADDRESS = "erased.invalid"


@dataclass(frozen=True)
class Erased:
    """What went or would go, what is held and why, by model; keys and accounts by their ids."""

    keys: list[str]
    accounts: list[str]
    rows: dict[str, int]
    held: dict[str, list[str]]


def preview(
    tenant: Tenant, names: Iterable[str], *, by: Principal, progress: Progress = finding.silent
) -> Erased:
    """What an erasure would do now. Raises Denied, or Refused for names that are too short."""
    person = _found(tenant, names, by=by, progress=progress)
    free, held = _accounts(person)
    told = Erased(
        [key.public_id for key in person.keys], [user.public_id for user in free],
        person.counts, _held(person, held),
    )  # fmt: skip
    _record(AuditAction.SUBJECT_SEARCHED, tenant, told, by=by)
    return told


def erase(
    tenant: Tenant, names: Iterable[str], *, by: Principal, progress: Progress = finding.silent
) -> Erased:
    """Erase whom the tenant calls so, in one transaction.

    What is still needed (an action that waits, an active account) stays and is named. Raises
    Denied, or Refused for names that are too short.
    """
    place = Target("tenant", tenant.public_id)
    with unit_of_work(attempt=AuditAction.SUBJECT_ERASED, target=place, scope=tenant.audit_scope):
        person = _found(tenant, names, by=by, progress=progress)
        free, held = _accounts(person)
        for rows in person.rows:
            if rows.free:
                registry.empty(rows.kept, rows.free, now=timezone.now())
        for user in free:
            _forget(user)
        told = Erased(
            subjects.erase(tenant, person.names.all), [user.public_id for user in free],
            person.counts, _held(person, held),
        )  # fmt: skip
        _record(AuditAction.SUBJECT_ERASED, tenant, told, by=by)
    return told


def _found(tenant: Tenant, names: Iterable[str], *, by: Principal, progress: Progress) -> Person:
    if by.kind != "system" and not by.has(ERASE):
        raise Denied("not_permitted", "Erasing people is for admins of the tenant.")
    try:
        return finding.find(tenant, names, progress=progress)
    except TooShort as error:
        raise Refused("name_too_short", str(error)) from error


def _accounts(person: Person) -> tuple[list[User], list[User]]:
    """The accounts that nobody uses any more, and those that somebody still does."""
    active = Member.objects.filter(user__in=person.users, deactivated_at=None)
    used = set(active.values_list("user", flat=True))
    used |= {user.pk for user in person.users if user.is_superuser and user.is_active}
    return (
        [user for user in person.users if user.pk not in used],
        [user for user in person.users if user.pk in used],
    )


def _held(person: Person, accounts: list[User]) -> dict[str, list[str]]:
    used = {"tenants.User": [user.public_id for user in accounts]} if accounts else {}
    return person.held | used


def _forget(user: User) -> None:
    """The account's row stays, because votes and records name its id; it leads to nobody."""
    User.objects.filter(pk=user.pk).update(
        name="", email=f"{user.public_id}@{NO_ADDRESS}", password=make_password(None),
        is_active=False, is_staff=False,
    )  # fmt: skip
    belongings: tuple[Any, ...] = (EmailAddress, Authenticator, SocialAccount, SignIn, Challenge)
    for model in belongings:
        model.objects.filter(user=user).delete()


def _record(action: AuditAction, tenant: Tenant, told: Erased, *, by: Principal) -> None:
    """By pseudonyms and numbers: the record of an erasure must not name whom it erased."""
    audit.record(
        action,
        target=Target("tenant", tenant.public_id),
        scope=tenant.audit_scope,
        actor=by.actor,
        meta={
            "keys": told.keys, "accounts": told.accounts, "rows": told.rows,
            "held": {model: len(ids) for model, ids in told.held.items()},
        },
    )  # fmt: skip
