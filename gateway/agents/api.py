"""The REST resources of agents and API keys."""

from typing import ClassVar

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


class AgentIn(StrictFields):
    """A new agent; without `tools` it may propose every enabled tool."""

    slug = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    owner = serializers.CharField(max_length=254, required=False)
    provider = serializers.CharField(max_length=40, required=False)
    tools = GrantIn(many=True, required=False)
    caps = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)


class AgentOut(serializers.Serializer[Agent]):
    """A machine identity."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    owner = serializers.CharField(source="owner.public_id", default=None)
    provider = serializers.CharField(source="provider.public_id", default=None)
    tools = serializers.JSONField()
    caps = serializers.JSONField()
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = serializers.DateTimeField()


class AgentViews(EnvironmentViews[Agent]):
    """Who may ask for what."""

    queryset = Agent.objects.select_related("owner", "provider")
    serializer_class = AgentOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "agents.view_agent",
        "retrieve": "agents.view_agent",
        "create": "agents.change_agent",
    }

    @extend_schema(request=AgentIn, responses={201: AgentOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Create an agent. `owner`, a member's id or e-mail address, never approves its actions."""
        body, place = checked(AgentIn, request), caller(request).environment
        providers = Provider.objects.within(place)
        body["provider"] = named(providers, body.get("provider"), by="slug", what="provider")
        body["owner"] = _member(caller(request), body.get("owner"))
        return Response(AgentOut(services.create(place, **body)).data, status=201)


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

    queryset = ApiKey.objects.select_related("member")
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
        """Make a key; its text is in this answer and nowhere else."""
        body, by = checked(ApiKeyIn, request), caller(request)
        agents = Agent.objects.within(by.environment)
        body["agent"] = named(agents, body.get("agent"), by="slug", what="agent")
        body["member"] = _member(by, body.get("member"))
        if body["member"] is not None:
            _only_for_oneself(by, body["member"], scopes=body.get("scopes", []))
        key, secret = services.create_api_key(by.environment, **body)
        return Response({**ApiKeyOut(key).data, "key": secret}, status=201)

    @extend_schema(request=None, responses=ApiKeyOut)
    @route(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """End a key at once; a second time changes nothing."""
        return Response(ApiKeyOut(services.revoke_api_key(self.get_object())).data)


def _member(by: Principal, text: str | None) -> Member | None:
    return tenants.find_member(by.environment.tenant, text) if text else None


def _only_for_oneself(by: Principal, member: Member, *, scopes: list[str]) -> None:
    """A person's key decides in that person's name: so nobody makes one for somebody else.

    A key that was narrowed cannot make one that is wider.
    """
    if by.user is None or member.user_id != by.user.pk:
        raise Denied("not_permitted", "A member's key is made by the member, for nobody else.")
    narrowed = by.api_key is not None and bool(by.api_key.scopes)
    if narrowed and not (scopes and by.permissions.issuperset(scopes)):
        raise Refused("unknown_scope", "A narrowed key makes keys of its own scopes only.")
