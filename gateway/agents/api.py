"""The REST resources of agents and API keys."""

from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.agents import services
from gateway.agents.models import Agent, Provider
from gateway.lib import ids
from gateway.lib.errors import Denied, Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, named
from gateway.tenants import services as tenants
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.models import ApiKey, Member
from gateway.tenants.principals import Principal


class GrantIn(StrictFields):
    """A tool that the agent may use, and for which arguments."""

    name = serializers.CharField(max_length=80)
    scope = serializers.CharField(max_length=2000, required=False)


class CapsIn(StrictFields):
    """What it may use at most; a run's constraints only make it less."""

    max_steps = serializers.IntegerField(min_value=1, required=False)
    max_tool_calls = serializers.IntegerField(min_value=0, required=False)
    timeout_s = serializers.IntegerField(min_value=1, required=False)
    max_equal_calls = serializers.IntegerField(min_value=1, required=False)
    calls_per_minute = serializers.IntegerField(min_value=1, required=False)


class AgentIn(StrictFields):
    """A new agent; without `tools` it may propose every enabled tool."""

    slug = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    owner = serializers.CharField(max_length=254, required=False)
    provider = serializers.CharField(max_length=40, required=False)
    fallback_provider = serializers.CharField(max_length=40, required=False)
    tools = GrantIn(many=True, required=False)
    caps = CapsIn(required=False)
    enabled = serializers.BooleanField(required=False)


class AgentChange(StrictFields):
    """What changes; `tools` and `caps` are replaced as a whole, null takes a row off.

    `version` is the one that the change was made on: 409 where it is no longer the newest.
    """

    version = serializers.IntegerField(min_value=1, required=False)
    name = serializers.CharField(max_length=120, required=False)
    owner = serializers.CharField(max_length=254, required=False, allow_null=True)
    provider = serializers.CharField(max_length=40, required=False, allow_null=True)
    fallback_provider = serializers.CharField(max_length=40, required=False, allow_null=True)
    tools = GrantIn(many=True, required=False)
    caps = CapsIn(required=False)
    enabled = serializers.BooleanField(required=False)


class AgentOut(serializers.Serializer[Agent]):
    """A machine identity."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    owner = serializers.CharField(source="owner.public_id", default=None)
    provider = serializers.CharField(source="provider.public_id", default=None)
    fallback_provider = serializers.CharField(source="fallback_provider.public_id", default=None)
    tools = serializers.JSONField()
    caps = serializers.JSONField()
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = serializers.DateTimeField()


class AgentDetailOut(AgentOut):
    """An agent with what is worth a second look."""

    warnings = serializers.SerializerMethodField()

    def get_warnings(self, agent: Agent) -> list[str]:
        """Tools that it may use and that do not exist (yet)."""
        unknown = services.unknown_tools(agent.environment, agent.tools)
        return [f"There is no tool {name!r} in this environment (yet)." for name in unknown]


class AgentViews(EnvironmentViews[Agent]):
    """Who may ask for what."""

    queryset = Agent.objects.select_related("owner", "provider", "fallback_provider", "environment")
    serializer_class = AgentDetailOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "agents.view_agent",
        "retrieve": "agents.view_agent",
        "create": "agents.change_agent",
        "partial_update": "agents.change_agent",
    }

    @extend_schema(responses=AgentOut(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([AgentOut(row).data for row in page])

    @extend_schema(request=AgentIn, responses={201: AgentDetailOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Create an agent. `owner`, a member's id or e-mail address, never approves its actions."""
        by = caller(request)
        body = _rows_named(by, checked(AgentIn, request))
        return Response(AgentDetailOut(services.create(by.environment, **body)).data, status=201)

    @extend_schema(request=AgentChange, responses=AgentDetailOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change an agent, which raises its version; its slug stays."""
        body, agent = checked(AgentChange, request), self.get_object()
        changes = _rows_named(caller(request), body)
        if "enabled" in changes:
            changes["is_enabled"] = changes.pop("enabled")
        return Response(AgentDetailOut(services.update(agent, **changes)).data)


class ApiKeyIn(StrictFields):
    """A key of an agent, or of the member who asks; without either it gets an agent of its own."""

    name = serializers.CharField(max_length=120)
    agent = serializers.CharField(max_length=40, required=False)
    member = serializers.CharField(max_length=254, required=False)
    scopes = serializers.ListField(child=serializers.CharField(), required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class ApiKeyOut(serializers.Serializer[ApiKey]):
    """A key as it is recognised later: never its text."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    prefix = serializers.CharField()
    member = serializers.CharField(source="member.public_id", default=None)
    agent = serializers.SerializerMethodField()
    made_by = serializers.CharField(source="made_by.public_id", default=None)
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_agent(self, key: ApiKey) -> str | None:
        """The machine that holds it."""
        return ids.encode(Agent.PREFIX, key.agent_id) if key.agent_id else None


class NewApiKeyOut(ApiKeyOut):
    """A new key, with its text for this once."""

    key = serializers.CharField()


class ApiKeyViews(EnvironmentViews[ApiKey]):
    """Keys of one environment."""

    queryset = ApiKey.objects.select_related("member", "made_by")
    serializer_class = ApiKeyOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "agents.change_api_key",
        "retrieve": "agents.change_api_key",
        "create": "agents.change_api_key",
        "revoke": "agents.change_api_key",
    }

    @extend_schema(request=ApiKeyIn, responses={201: NewApiKeyOut})
    @idempotent(secrets=("key",))
    def create(self, request: Request) -> Response:
        """Make a key; its text is in this answer and nowhere else.

        Outside a sandbox whoever makes a machine's key never approves what is asked for with it.
        """
        body, by = checked(ApiKeyIn, request), caller(request)
        agents = Agent.objects.within(by.environment)
        body["agent"] = named(agents, body.get("agent"), by="slug", what="agent")
        body["member"] = _member(by, body.get("member"))
        if body["member"] is not None:
            _only_for_oneself(by, body["member"])
        body["expires_at"] = _no_wider(by, body.get("scopes", []), body.get("expires_at"))
        key, secret = services.create_api_key(by.environment, by=by.user, **body)
        return Response({**ApiKeyOut(key).data, "key": secret}, status=201)

    @extend_schema(request=None, responses=ApiKeyOut)
    @route(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """End a key at once; a second time changes nothing."""
        return Response(ApiKeyOut(services.revoke_api_key(self.get_object())).data)


def _rows_named(by: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the rows that it names: its owner and providers. Raises Refused."""
    providers = Provider.objects.within(by.environment).filter(archived_at=None)
    rows: dict[str, Any] = {
        key: named(providers, body[key], by="slug", what="provider")
        for key in ("provider", "fallback_provider")
        if key in body
    }
    if "owner" in body:
        rows["owner"] = _member(by, body["owner"])
    return {**body, **rows}


def _member(by: Principal, text: str | None) -> Member | None:
    return tenants.find_member(by.environment.tenant, text) if text else None


def _only_for_oneself(by: Principal, member: Member) -> None:
    """A person's key decides in that person's name: so nobody makes one for somebody else."""
    if by.user is None or member.user_id != by.user.pk:
        raise Denied("not_permitted", "A member's key is made by the member, for nobody else.")


def _no_wider(by: Principal, scopes: list[str], expires_at: datetime | None) -> datetime | None:
    """When the new key ends: a key makes none, for whomever, that may more or lives longer."""
    key = by.api_key
    if key is None:
        return expires_at
    if key.scopes and not (scopes and by.permissions.issuperset(scopes)):
        raise Refused("unknown_scope", "A narrowed key makes keys of its own scopes only.")
    if key.expires_at is None:
        return expires_at
    if expires_at is not None and expires_at > key.expires_at:
        raise Refused("invalid", "A key makes none that ends later than itself.")
    return expires_at or key.expires_at
