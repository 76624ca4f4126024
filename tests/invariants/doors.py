"""Addresses of the desk and the API, filled in with rows, and keys that open the API."""

import re
from secrets import token_hex
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gateway.tenants.models import Environment, Member
from tests.factories.agents import AgentFactory
from tests.factories.approvals import (
    ActionFactory,
    BreakGlassFactory,
    DelegationFactory,
    GrantFactory,
    KillSwitchFactory,
    PolicyFactory,
    SavedViewFactory,
)
from tests.factories.audit import AuditRecordFactory
from tests.factories.budgets import BudgetFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.notices import BrowserFactory, ChatFactory, ChatIdentityFactory, NoticeFactory
from tests.factories.outlets import OutletFactory
from tests.factories.runs import RunFactory
from tests.factories.tenants import (
    ApiKeyFactory,
    GroupFactory,
    InvitationFactory,
    MemberFactory,
)
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, SourceFactory

PART = re.compile(r"<(?:\w+:)?(\w+)>")
# Names of parts that lead to a row, as the desk's addresses call them.
ROWS = (
    "action",
    "run",
    "event",
    "source",
    "agent",
    "tool",
    "member",
    "invitation",
    "switch",
    "policy",
    "budget",
    "grant",
    "delegation",
    "emergency",
    "connection",
    "record",
    "outlet",
    "identity",
    "browser",
    "view",
)
# The API's resources and the row that each is asked for.
RESOURCES = {
    "actions": "action", "runs": "run", "events": "event", "sources": "source", "agents": "agent",
    "tools": "tool", "members": "member", "policies": "policy", "connections": "connection",
    "providers": "provider", "api-keys": "key", "groups": "group", "kill-switch": "switch",
    "notices": "notice",
    "budgets": "budget", "grants": "grant", "delegations": "delegation",
    "break-glass": "emergency",
}  # fmt: skip


def rows_of(environment: Environment) -> dict[str, str]:
    """One row of each kind in this environment, by its public id (a source by its slug)."""
    action = ActionFactory(environment=environment)
    run = RunFactory(environment=environment)
    source = SourceFactory(environment=environment)
    return {
        "action": action.public_id,
        "emergency": BreakGlassFactory(action=action).public_id,
        "grant": GrantFactory(derived_from=action).public_id,
        "run": run.public_id,
        "event": EventFactory(source=source).public_id,
        "source": source.slug,
        "agent": AgentFactory(environment=environment).public_id,
        "tool": ToolFactory(environment=environment).public_id,
        "member": MemberFactory(tenant=environment.tenant).public_id,
        "invitation": InvitationFactory(tenant=environment.tenant).public_id,
        "switch": KillSwitchFactory(environment=environment).public_id,
        "budget": BudgetFactory(environment=environment).public_id,
        "policy": PolicyFactory(environment=environment).public_id,
        "delegation": DelegationFactory(environment=environment).public_id,
        "connection": ConnectionFactory(environment=environment).public_id,
        "provider": run.provider.public_id,
        "key": ApiKeyFactory(environment=environment).public_id,
        "view": SavedViewFactory(environment=environment, is_shared=True).public_id,
        "group": GroupFactory(tenant=environment.tenant).public_id,
        "outlet": OutletFactory(log=environment.tenant.public_id).public_id,
        "identity": ChatIdentityFactory(chat=ChatFactory(environment=environment)).public_id,
        "browser": BrowserFactory(environment=environment).public_id,
        "notice": NoticeFactory(action=action).public_id,
        "record": str(AuditRecordFactory(scope=environment.audit_scope).pk),
    }


def desk_addresses(environment: Environment, rows: dict[str, str]) -> dict[str, str]:
    """Every address below `/{tenant}/{environment}/` by its name, with these rows filled in."""
    place = {"tenant": environment.tenant.slug, "environment": environment.slug, "number": "1"}
    place["offer"] = "http.request"
    place["kind"] = "slack"
    found: dict[str, str] = {}
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and "tenant" in str(pattern.pattern):
            _collect(pattern, "/", "", {**rows, **place}, found)
    assert len(found) > 20
    return found


def _collect(
    pattern: Any, prefix: str, space: str, values: dict[str, str], found: dict[str, str]
) -> None:
    text = prefix + PART.sub(lambda part: values[part[1]], str(pattern.pattern))
    if isinstance(pattern, URLPattern):
        found[f"{space}{pattern.name}"] = text
        return
    inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
    for part in pattern.url_patterns:
        _collect(part, text, inner, values, found)


def named_rows(name: str, address: str, rows: dict[str, str]) -> bool:
    """Whether the address names one of the rows."""
    return any(rows[part] in address.split("/") for part in ROWS)


def api(member: Member | None, environment: Environment, **key: Any) -> Client:
    """A client with a personal key of this member, or a machine's (`agent_id=…`)."""
    secret = f"csk_{token_hex(8)}{environment.pk.hex}"
    ApiKeyFactory(environment=environment, member=member, secret=secret, **key)
    return Client(headers={"Authorization": f"Bearer {secret}"})
