"""Out of office: a member lets another decide for them, from one moment to another."""

from datetime import datetime, timedelta

from django.utils import timezone

from approvals.models import Delegation
from approvals.services.people import deciders_of, is_decider
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants import services as tenants
from gateway.tenants.models import Environment, Member, User
from gateway.tenants.principals import Principal

DELEGATE = "approvals.delegate_decision"
CHANGE_MEMBER = "tenants.change_member"
MAX_LENGTH = timedelta(days=90)
MAX_OPEN = 20


def delegate(
    *,
    environment: Environment,
    by: Principal,
    substitute: str,
    starts_at: datetime,
    ends_at: datetime,
    scope: str = "",
    note: str = "",
) -> Delegation:
    """Name a substitute (id or address) for oneself in this environment.

    `scope` may narrow it to one role or group of one's own. A substitute does not pass it on.
    Raises Denied for who does not decide here, Refused for a substitute, time or scope that cannot
    be.
    """
    target = Target("environment", environment.public_id)
    with unit_of_work(
        attempt=AuditAction.DELEGATION_REFUSED, target=target, scope=environment.audit_scope
    ):
        member = _delegator(environment, by)
        other = _substitute(environment, substitute, member=member)
        _check_time(starts_at, ends_at)
        _check_scope(member, environment, scope=scope)
        _check_number(member, environment)
        made = Delegation.objects.create(
            environment=environment, delegator=member.user, substitute=other.user, scope=scope,
            starts_at=starts_at, ends_at=ends_at, note=note.strip(),
        )  # fmt: skip
        _record(made, AuditAction.DELEGATION_CREATED, by)
    return made


def revoke_delegation(*, delegation: Delegation, by: Principal) -> Delegation:
    """End a delegation now: by either of the two, or by an admin.

    Votes that were cast while it was in force stay. Raises Denied, or StaleState once it ended.
    """
    place = delegation.environment
    target = Target("delegation", delegation.public_id)
    with unit_of_work(
        attempt=AuditAction.DELEGATION_REFUSED, target=target, scope=place.audit_scope
    ):
        found = Delegation.objects.select_for_update(of=("self",)).get(pk=delegation.pk)
        found.environment = place
        is_theirs = by.user is not None and by.user.pk in {found.delegator_id, found.substitute_id}
        if not by.is_member or not (is_theirs or by.has(CHANGE_MEMBER)):
            raise Denied("not_permitted", "Only the two of them or an admin end a delegation.")
        if found.revoked_at is not None or found.ends_at <= timezone.now():
            raise StaleState("This delegation has ended already.")
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
        _record(found, AuditAction.DELEGATION_REVOKED, by)
    return found


def substitutes_of(user: User, environment: Environment) -> tuple[list[str], list[Member]]:
    """What a person can delegate here (roles and groups), and to whom."""
    members = deciders_of(environment)
    own = [member for member in members if member.user_id == user.pk]
    others = sorted((m for m in members if m.user_id != user.pk), key=str)
    return sorted(_rights(own[0], environment)) if own else [], others


def _rights(member: Member, environment: Environment) -> set[str]:
    roles = {f"role:{role}" for role in member.roles_in(environment)}
    return roles | {f"group:{slug}" for slug in member.group_slugs()}


def _delegator(environment: Environment, by: Principal) -> Member:
    if not by.is_member or by.user is None or not by.has(DELEGATE):
        raise Denied("not_permitted", "Only who decides here can name a substitute.")
    return tenants.find_member(environment.tenant, by.user.email)


def _substitute(environment: Environment, text: str, *, member: Member) -> Member:
    other = tenants.find_member(environment.tenant, text)
    if other == member:
        raise Refused("invalid_substitute", "Name somebody other than yourself.")
    if not is_decider(other, environment):
        raise Refused(
            "invalid_substitute",
            f"{other} does not decide in {environment.name}: a substitute has to be a reviewer.",
        )
    return other


def _check_time(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Refused("invalid_time", "It has to end after it starts.")
    if ends_at <= timezone.now():
        raise Refused("invalid_time", "It ends in the past.")
    if ends_at - starts_at > MAX_LENGTH:
        raise Refused("invalid_time", f"At most {MAX_LENGTH.days} days: make a new one then.")


def _check_scope(member: Member, environment: Environment, *, scope: str) -> None:
    if scope and scope not in _rights(member, environment):
        raise Refused("invalid_scope", f"{scope[:80]!r} is no role or group of yours here.")


def _check_number(member: Member, environment: Environment) -> None:
    ahead = Delegation.objects.within(environment).filter(
        delegator=member.user, revoked_at=None, ends_at__gt=timezone.now()
    )
    if ahead.count() >= MAX_OPEN:
        raise Refused("too_many", f"You have {MAX_OPEN} delegations already: end one first.")


def _record(delegation: Delegation, what: AuditAction, by: Principal) -> None:
    audit.record(
        what,
        target=Target("delegation", delegation.public_id),
        scope=delegation.environment.audit_scope,
        meta={
            "delegator": delegation.delegator.public_id,
            "substitute": delegation.substitute.public_id,
            "scope": delegation.scope,
            "starts_at": delegation.starts_at.isoformat(),
            "ends_at": delegation.ends_at.isoformat(),
        },
        actor=by.actor,
    )
