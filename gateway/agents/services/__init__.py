"""Every write of agents, providers and keys, and asking whether an agent may use a tool."""

from gateway.agents.services.acting import agent_of_principal, principal_of_agent
from gateway.agents.services.agents import create, update
from gateway.agents.services.calling import (
    Standing,
    check_grants,
    may_call,
    scope_of,
    unknown_tools,
)
from gateway.agents.services.keys import agent_of_key, create_api_key, revoke_api_key
from gateway.agents.services.providers import (
    agent_of_provider,
    create_provider,
    move_provider,
    reveal_api_key,
)

__all__ = [
    "Standing",
    "agent_of_key",
    "agent_of_principal",
    "agent_of_provider",
    "check_grants",
    "create",
    "create_api_key",
    "create_provider",
    "may_call",
    "move_provider",
    "principal_of_agent",
    "reveal_api_key",
    "revoke_api_key",
    "scope_of",
    "unknown_tools",
    "update",
]
