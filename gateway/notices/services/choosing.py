"""What members choose about how they are told."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Denied, Refused
from gateway.notices.media import RISKS, Digest, Medium
from gateway.notices.models import Preference
from gateway.tenants.models import Environment, Member
from gateway.tenants.principals import Principal

FIELDS = ("media", "quiet_from", "quiet_until", "digest")


def preference_of(by: Principal) -> Preference:
    """What the member has chosen here; one that is not stored says the usual."""
    member = member_of(by)
    held = Preference.objects.within(by.environment).filter(member=member).first()
    return held or Preference(environment=by.environment, member=member)


@transaction.atomic
def choose(
    *,
    by: Principal,
    media: Mapping[str, Sequence[str]],
    quiet_from: time | None,
    quiet_until: time | None,
    digest: str,
    everywhere: bool = False,
) -> list[Preference]:
    """Store what the member chose, for this environment or for all of the tenant's they are in.

    Raises Refused for what cannot be chosen.
    """
    _check(media, quiet_from, quiet_until, digest=digest)
    values = {
        "media": {risk: sorted(media.get(risk, ())) for risk in RISKS}, "quiet_from": quiet_from,
        "quiet_until": quiet_until, "digest": digest,
    }  # fmt: skip
    member = member_of(by)
    places = [by.environment]
    if everywhere:
        held = member.roles.values("environment_id")
        places = list(Environment.objects.filter(pk__in=held).select_related("tenant"))
    return [_store(member, place, values) for place in places]


def member_of(by: Principal) -> Member:
    """The membership behind a person. Raises Denied where there is none."""
    members = Member.objects.filter(tenant=by.environment.tenant, user=by.user, deactivated_at=None)
    member = members.select_related("user", "tenant").first() if by.is_member else None
    if member is None:
        raise Denied("not_a_member", "Only members of the organisation are told of what waits.")
    return member


def _store(member: Member, place: Environment, values: dict[str, Any]) -> Preference:
    held = Preference.objects.select_for_update().within(place).filter(member=member).first()
    row = held or Preference(environment=place, member=member)
    before = {name: _said(getattr(row, name)) for name in FIELDS}
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    after = {name: _said(value) for name, value in values.items()}
    changed = [name for name in FIELDS if before[name] != after[name]]
    audit.record(
        AuditAction.NOTICES_CHOSEN,
        target=Target("member", member.public_id),
        scope=place.audit_scope,
        changes={name: [before[name], after[name]] for name in changed},
    )
    return row


def _said(value: Any) -> Any:
    return value.isoformat() if isinstance(value, time) else value


def _check(
    media: Mapping[str, Sequence[str]],
    quiet_from: time | None,
    quiet_until: time | None,
    *,
    digest: str,
) -> None:
    if set(media) - set(RISKS) or any(set(chosen) - set(Medium) for chosen in media.values()):
        raise Refused("unknown_medium", "Choose among e-mail, chats and browser for each risk.")
    if (quiet_from is None) != (quiet_until is None):
        raise Refused("quiet_hours", "Quiet hours need a beginning and an end, or neither.")
    if digest not in set(Digest):
        raise Refused("unknown_digest", "A digest comes hourly, daily or not at all.")
