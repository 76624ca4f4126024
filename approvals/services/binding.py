"""What an approval is bound to: gathering the digest's parts from an action's stored columns."""

from typing import Any

from django.conf import settings

from approvals.digest import (
    STATEMENT_VERSION,
    WITH_ASSERTION,
    DigestParts,
    action_digest,
    public_key,
    sign_decision,
    verify_decision,
)
from approvals.models import Action, Approval, Delegation
from approvals.requirement import Requirement, requirement_hash
from approvals.services.definitions import definition_of
from audit.canonical import NotCanonical, canonical, digest
from gateway.connectors import registry
from gateway.connectors.base import Unknown
from gateway.lib import ids
from gateway.lib.errors import Denied
from gateway.lib.pointer import steps
from gateway.tenants.models import User
from gateway.tools import render

RUN_PREFIX = "run"


def parts_of(action: Action) -> DigestParts:
    """Every part of the digest, read from what is stored with the action."""
    version = action.tool_version
    if version is None or action.rendered_value is None:
        raise ValueError(f"{action} has no tool or request to be bound to")
    connection = version.connection
    return DigestParts(
        action_id=action.public_id,
        version=action.version,
        tenant=action.environment.tenant.public_id,
        environment=action.environment.public_id,
        run=ids.encode(RUN_PREFIX, action.run_id) if action.run_id else None,
        requester=f"{action.requester_kind}:{action.requester_id}",
        tool=version.tool.public_id,
        definition_hash=version.definition_sha256,
        rendered_request=action.rendered_value,
        connection=connection.public_id if connection else None,
        connection_revision=action.connection_revision or 0,
        target=tuple(action.target),
        before_hash=digest(_material(action)),
        risk=action.risk,
        requirement_hash=requirement_hash(requirement_of(action) if action.requirement else None),
        nonce=action.nonce,
    )


def digest_of(action: Action) -> str:
    """The digest as it follows from the stored parts."""
    return action_digest(parts_of(action))


def is_rebuilt(action: Action) -> bool:
    """Whether arguments and definition, rendered again now, give exactly the request that is bound.

    The digest covers the request; this covers what it was made from, which rules and previews read.
    """
    try:
        version = definition_of(action)
        connector = registry.connector(version.connector)
        again = connector.render(version.config, version.operation, action.arguments_value)
    except (render.RenderError, Unknown, LookupError, TypeError, ValueError):
        return False
    return canonical(again).decode() == action.rendered


def requirement_of(action: Action) -> Requirement:
    """What the action's rule asked for."""
    return Requirement.from_dict(action.requirement or {})


def _material(action: Action) -> Any:
    """The state before that the reviewer saw; the named material paths, or all of it."""
    return _picked(action.before, action.tool_version.material if action.tool_version else [])


def moved(before: Any, now: Any, paths: list[str]) -> list[str]:
    """The named paths at which two states differ; without paths, the members of either that do.

    States without members are compared as a whole; it is then called `the state`.
    """
    old, new = _picked(before, paths), _picked(now, paths)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if _same(old, new) else ["the state"]
    names = [*old, *(name for name in new if name not in old)]
    return [
        name for name in names if not (name in old and name in new and _same(old[name], new[name]))
    ]


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON; what has no one canonical form is never the same."""
    try:
        return canonical(old) == canonical(new)
    except NotCanonical:
        return False


def _picked(state: Any, paths: list[str]) -> Any:
    if not paths or not isinstance(state, dict):
        return state
    return {path: _found(state, steps(path)) for path in paths}


def _found(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def statement(approval: Approval) -> dict[str, Any]:
    """What a member states with a vote, and what the signature covers, in the vote's own form."""
    stated: dict[str, Any] = {
        "approval": approval.public_id,
        "action": approval.action.public_id,
        "version": approval.action_version,
        "digest": approval.digest,
        "user": approval.user.public_id,
        "decision": approval.decision,
    }
    if approval.statement_version == 1:
        # The first stage is not named: votes from before there were stages stay genuine.
        return stated | ({"stage": approval.stage} if approval.stage else {})
    at, behalf, delegation = (
        approval.authenticated_at, approval.on_behalf_of_id, approval.delegation_id,
    )  # fmt: skip
    if approval.statement_version == WITH_ASSERTION:
        stated["assertion_sha256"] = digest(approval.assertion)
    return stated | {
        "stage": approval.stage,
        "authenticated_at": at.isoformat() if at else None,
        "authentication_methods": list(approval.authentication_methods),
        "on_behalf_of": ids.encode(User.PREFIX, behalf) if behalf else None,
        "delegation": ids.encode(Delegation.PREFIX, delegation) if delegation else None,
    }


def sign(approval: Approval) -> str:
    """The vote's signature; raises Denied in a process that does not hold the signing key."""
    approval.statement_version = WITH_ASSERTION if approval.assertion else STATEMENT_VERSION
    version = approval.statement_version
    return sign_decision(signing_key(), statement(approval), version=version)


def signing_key() -> str:
    """The key of people's decisions; raises Denied in a process that does not hold it."""
    if not settings.APPROVAL_SIGNING_KEY:
        raise Denied(
            "no_signing_key",
            "This process does not hold the approval signing key: decide on the desk.",
        )
    return str(settings.APPROVAL_SIGNING_KEY)


def verify_key() -> str:
    """The public half of it, which every process may have."""
    return str(settings.APPROVAL_VERIFY_KEY or public_key(settings.APPROVAL_SIGNING_KEY))


def is_genuine(approval: Approval) -> bool:
    """Whether the vote was signed by the process that lets people decide."""
    return verify_decision(
        verify_key(), statement(approval), approval.signature, version=approval.statement_version
    )
