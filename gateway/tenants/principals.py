"""Who asks: one shape for a person in the browser, a key, an agent, a source or the system."""

import uuid
from dataclasses import dataclass, field, replace

from django.http import HttpRequest

from audit.context import Actor
from gateway.lib import ids
from gateway.tenants import freshness, roles
from gateway.tenants.freshness import Authentication
from gateway.tenants.models import ApiKey, Environment, Member, User


@dataclass(frozen=True)
class Principal:
    """Somebody who acts in one environment.

    `owner_id` is the person behind a machine: that person never approves its actions.
    `ordered_by` are people who had it ask, by their public ids: neither do they.
    `authentication` says how fresh a browser's session is; a key has none. `via` is the proof of
    who acts from elsewhere: a chat and the account there.
    """

    kind: str
    id: str
    label: str
    environment: Environment
    user: User | None = None
    api_key: ApiKey | None = None
    agent_id: uuid.UUID | None = None
    owner_id: uuid.UUID | None = None
    ordered_by: frozenset[str] = frozenset()
    permissions: frozenset[str] = field(default_factory=frozenset)
    authentication: Authentication | None = None
    via: str = ""

    @property
    def actor(self) -> Actor:
        """This principal in an audit record."""
        behalf = ids.encode(User.PREFIX, self.owner_id) if self.owner_id else ""
        if self.user and self.kind == "person":
            known_by = "api_key" if self.api_key else "session"
            return Actor("person", self.id, auth=self.via or known_by)
        return Actor(self.kind, self.id, on_behalf_of=behalf)

    @property
    def is_member(self) -> bool:
        """Whether a person stands here: only members decide."""
        return self.kind == "person" and self.user is not None

    def has(self, permission: str) -> bool:
        """Whether this principal may do this in its environment."""
        return permission in self.permissions


def of_user(user: User, environment: Environment) -> Principal:
    """A signed-in person; without an active membership they may do nothing."""
    member = Member.objects.filter(tenant=environment.tenant, user=user).first()
    allowed = permissions_of(member, environment)
    return Principal(
        "person",
        user.public_id,
        str(user),
        environment,
        user=user,
        owner_id=user.id,
        permissions=allowed,
    )


def of_browser(request: HttpRequest, user: User, environment: Environment) -> Principal:
    """The signed-in person of a browser's session, who may have to prove that they are there."""
    return replace(of_user(user, environment), authentication=freshness.of_session(request))


def of_key(key: ApiKey) -> Principal:
    """The member behind a person's key, or the machine that holds one and whoever made it for it.

    Scopes only narrow.
    """
    if key.member is not None:
        allowed = permissions_of(key.member, key.environment)
        user = key.member.user
        found = Principal(
            "person",
            user.public_id,
            str(user),
            key.environment,
            user=user,
            api_key=key,
            owner_id=user.id,
            permissions=allowed & scoped(key, allowed),
        )
    else:
        found = Principal(
            "api_key",
            key.public_id,
            key.name,
            key.environment,
            api_key=key,
            agent_id=key.agent_id,
            owner_id=key.made_by_id if is_maker_behind(key.environment) else None,
            permissions=roles.MACHINE & scoped(key, roles.MACHINE),
        )
    return found


def is_maker_behind(environment: Environment) -> bool:
    """Whether whoever made a machine's key answers for what is asked for with it.

    Not in a sandbox, where one person alone has to be able to try everything.
    """
    return environment.kind != Environment.Kind.SANDBOX


def scoped(key: ApiKey, allowed: frozenset[str]) -> frozenset[str]:
    """The permissions that a key's scopes leave."""
    return frozenset(key.scopes) if key.scopes else allowed


def permissions_of(member: Member | None, environment: Environment) -> frozenset[str]:
    """What an active member of the environment's tenant may do there."""
    if member is None or not member.is_active or member.tenant_id != environment.tenant_id:
        return frozenset()
    return roles.granted(member.roles_in(environment))


def system(environment: Environment) -> Principal:
    """The application itself, for deadlines and clean-up."""
    return Principal("system", "countersign", "Countersign", environment)
