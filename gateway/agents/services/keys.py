"""API keys: a member's own, or a machine's."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent
from gateway.agents.services.agents import create
from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.tenants import principals
from gateway.tenants.models import ApiKey, Environment, Member, User
from gateway.tenants.models.access import KEY_MARK, digest_of
from gateway.tenants.roles import MACHINE, VIEW

PREFIX_LENGTH = 12


def agent_of_key(key: ApiKey) -> Agent | None:
    """The agent behind a machine's key; None for a person's key."""
    return Agent.objects.filter(pk=key.agent_id).first() if key.agent_id else None


@transaction.atomic
def create_api_key(
    environment: Environment,
    *,
    name: str,
    member: Member | None = None,
    agent: Agent | None = None,
    by: User | None = None,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key and its secret, shown this once. Without member and agent, a new agent is made.

    `by` has the secret first, and so answers for what is asked for with it.
    Raises Refused when both are named, or a scope is unknown.
    """
    if member is not None and agent is not None:
        raise Refused("invalid", "A key belongs to a member or to an agent, not to both.")
    allowed = principals.permissions_of(member, environment) if member else MACHINE
    if unknown := set(scopes or ()) - allowed - VIEW:
        raise Refused("unknown_scope", f"The key cannot have {', '.join(sorted(unknown))}.")
    if member is None and agent is None:
        slug = f"key-{ids.random_token('k')[2:10]}"
        agent = create(environment, slug=slug, name=name)
    secret = KEY_MARK + ids.random_token("k")[2:]
    key = ApiKey.objects.create(
        environment=environment, name=name, prefix=secret[:PREFIX_LENGTH],
        digest=digest_of(secret), member=member, agent_id=agent.pk if agent else None,
        made_by=by, scopes=scopes or [], expires_at=expires_at,
    )  # fmt: skip
    audit.record(
        AuditAction.API_KEY_CREATED,
        target=Target("api_key", key.public_id),
        scope=environment.audit_scope,
        changes={"scopes": [None, scopes or []]},
    )
    return key, secret


@transaction.atomic
def revoke_api_key(key: ApiKey) -> ApiKey:
    """End a key at once and for good; one that has ended stays as it is."""
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
        audit.record(
            AuditAction.API_KEY_REVOKED,
            target=Target("api_key", key.public_id),
            scope=key.environment.audit_scope,
            changes={"revoked_at": [None, now.isoformat()]},
        )
    return key
