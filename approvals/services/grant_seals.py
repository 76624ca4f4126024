"""The signature of a grant: only the process that lets people decide can make one."""

from datetime import UTC
from typing import Any

from approvals.digest import sign_grant, verify_grant
from approvals.models import Grant
from approvals.services.binding import signing_key, verify_key
from audit.canonical import digest


def statement(grant: Grant) -> dict[str, Any]:
    """What a member states with a grant, and what its signature covers."""
    return {
        "grant": grant.public_id,
        "environment": grant.environment.public_id,
        "agent": grant.agent.public_id,
        "tool": grant.tool.public_id,
        "definition": grant.definition_sha256,
        "condition": grant.condition,
        "requirement": digest(grant.requirement),
        "user": grant.made_by.public_id,
        "expires_at": grant.expires_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "max_uses": grant.max_uses,
    }


def seal(grant: Grant) -> str:
    """The grant's signature; raises Denied in a process that does not hold the signing key."""
    return sign_grant(signing_key(), statement(grant))


def is_genuine(grant: Grant) -> bool:
    """Whether the grant was made by a member in the process that lets people decide."""
    return verify_grant(verify_key(), statement(grant), grant.signature)
