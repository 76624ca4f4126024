"""Whether an agent may use a tool, and for which arguments."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.agents.models import EVERY_TOOL, Agent
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tools.models import Tool

SCOPE_VARIABLES = ("args",)
MAX_GRANTS = 200


@dataclass(frozen=True)
class Standing:
    """Whether an agent may make this call, and if not, why."""

    is_permitted: bool
    detail: str = ""


def may_call(agent: Agent, tool: str, *, arguments: Any) -> Standing:
    """Whether the agent is on, the tool among its tools, and its scope true of these arguments."""
    if not agent.is_enabled:
        return Standing(False, f"Agent {agent.slug} is switched off.")
    return scope_of(agent, tool, arguments=arguments)


def scope_of(agent: Agent, tool: str, *, arguments: Any) -> Standing:
    """The same for an agent that may be off: what it asked for while it was on is judged by this.

    A scope that fails to evaluate forbids: errors never widen what a machine may do.
    """
    grant = agent.grant_for(tool)
    if grant is None:
        return Standing(False, f"Agent {agent.slug} may not use the tool {tool}.")
    if not (scope := grant.get("scope")):
        return Standing(True)
    try:
        holds = compile_expression(scope, SCOPE_VARIABLES).evaluate({"args": arguments})
    except (CelError, CelRuntimeError) as error:
        return Standing(False, f"The scope of {tool} could not be evaluated: {error}")
    if holds is True:
        return Standing(True)
    return Standing(False, f"These arguments are outside the scope of {tool}: {scope}")


def check_grants(grants: list[dict[str, Any]]) -> None:
    """Raises Refused for a malformed or repeated entry, or a scope, with a caret at its fault."""
    if len(grants) > MAX_GRANTS:
        raise Refused("invalid", f"An agent has at most {MAX_GRANTS} tools.")
    for grant in grants:
        if set(grant) - {"name", "scope"} or not isinstance(grant.get("name"), str):
            raise Refused("invalid", "Each of an agent's tools is {name, scope?}.")
        _check_scope(grant["name"], grant.get("scope"))
    names = [grant["name"] for grant in grants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused("tool_twice", f"Named twice: {', '.join(twice)}. Join their scopes by ||.")


def _check_scope(tool: str, scope: object) -> None:
    if not scope:
        return
    if not isinstance(scope, str):
        raise Refused("invalid", f"The scope of {tool} is a CEL text.")
    try:
        compile_expression(scope, SCOPE_VARIABLES, result="bool")
    except CelError as error:
        where = f"\n{error.caret_text}" if error.caret_text else ""
        detail = f"The scope of {tool}, line {error.line}: {error.message}{where}"
        raise Refused("scope_invalid", detail, line=error.line, column=error.column) from error


def unknown_tools(environment: Environment, grants: Iterable[dict[str, Any]]) -> list[str]:
    """The names among them that no tool has (yet): allowed, but worth a warning."""
    names = {grant["name"] for grant in grants} - {EVERY_TOOL}
    known = Tool.objects.within(environment).filter(name__in=names, archived_at=None)
    return sorted(names - set(known.values_list("name", flat=True)))
