"""The REST resources of sources, events and providers."""

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.agents import services as agents
from gateway.agents.models import Agent, Provider
from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, find, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.principals import Principal
from webhooks import services
from webhooks.models import Effect, Event, Source
from webhooks.schemes.catalogue import CHOICES
from webhooks.services import NewRoute, NewSecret
from webhooks.states import EventStatus

RUN_MARK = "run"
FILTERS = [
    OpenApiParameter("status", str, enum=EventStatus.values),
    OpenApiParameter("source", str, description="Its id or slug."),
]


class SecretIn(StrictFields):
    """A signing secret and how long it counts."""

    value = serializers.CharField(max_length=1000, trim_whitespace=False)
    not_after = serializers.DateTimeField(required=False, allow_null=True)


class RouteIn(StrictFields):
    """What an event leads to; the first whose filter holds decides."""

    name = serializers.CharField(max_length=120)
    when = serializers.CharField(max_length=4000, required=False)
    effect = serializers.ChoiceField(choices=Effect.choices)
    agent = serializers.CharField(max_length=40, required=False)
    provider = serializers.CharField(max_length=40, required=False)
    tool = serializers.CharField(max_length=80, required=False)
    arguments = serializers.DictField(child=serializers.CharField(max_length=4000), required=False)


class SourceIn(StrictFields):
    """A new place for webhooks; without a slug its address cannot be guessed."""

    slug = serializers.SlugField(max_length=40, required=False)
    name = serializers.CharField(max_length=120, required=False)
    scheme = serializers.ChoiceField(choices=CHOICES)
    secrets = SecretIn(many=True)
    settings = serializers.DictField(required=False)
    routes = RouteIn(many=True, required=False)

    def validate_secrets(self, secrets: list[Any]) -> list[Any]:
        """Nothing could be verified without a secret."""
        if not secrets:
            raise serializers.ValidationError("At least one secret is needed.")
        return secrets


class SourceOut(serializers.Serializer[Source]):
    """A source and its address; its secrets never come back."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    scheme = serializers.CharField()
    settings = serializers.JSONField()
    provider = serializers.CharField(source="provider.public_id", default=None)
    enabled = serializers.BooleanField(source="is_enabled")
    version = serializers.IntegerField()
    secrets = serializers.SerializerMethodField()
    routes = serializers.SerializerMethodField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_secrets(self, source: Source) -> list[dict[str, Any]]:
        """When each counts, and the fingerprint to recognise it by."""
        return [
            {
                "id": secret.public_id,
                "fingerprint": secret.fingerprint,
                "not_after": secret.not_after,
                "last_used_at": secret.last_used_at,
            }
            for secret in source.secrets.all()
        ]

    def get_routes(self, source: Source) -> list[dict[str, Any]]:
        """In the order in which they are asked."""
        return [
            {
                "name": row.name,
                "when": row.when,
                "effect": row.effect,
                "agent": row.agent.public_id if row.agent else None,
                "provider": row.provider.public_id if row.provider else None,
                "tool": row.tool,
                "arguments": row.arguments,
            }
            for row in source.routes.all()
        ]


class SourceViews(EnvironmentViews[Source]):
    """Where webhooks come in."""

    queryset = (
        Source.objects.filter(archived_at=None)
        .select_related("provider", "environment__tenant")
        .prefetch_related("secrets", "routes__agent", "routes__provider")
    )
    serializer_class = SourceOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "webhooks.view_source",
        "retrieve": "webhooks.view_source",
        "create": "webhooks.change_source",
    }

    @extend_schema(request=SourceIn, responses={201: SourceOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Open a source. Its `url` is what the provider is to be given."""
        body, by = checked(SourceIn, request), caller(request)
        made = services.create_source(
            by.environment,
            scheme=body["scheme"],
            secrets=[NewSecret(**secret) for secret in body["secrets"]],
            slug=body.get("slug", ""),
            name=body.get("name", ""),
            settings=body.get("settings"),
            routes=[_route(by, wanted) for wanted in body.get("routes", ())],
            by=by.user,
        )
        return Response(SourceOut(made).data, status=201)


class EventOut(serializers.Serializer[Event]):
    """One accepted webhook, without its body."""

    id = serializers.CharField(source="public_id")
    source = serializers.CharField(source="source.public_id")  # type: ignore[assignment]
    event_id = serializers.CharField()
    type = serializers.CharField(source="event_type")
    status = serializers.ChoiceField(choices=EventStatus.choices)
    reason = serializers.CharField()
    route = serializers.CharField()
    run = serializers.SerializerMethodField()
    body_sha256 = serializers.CharField()
    duplicates = serializers.IntegerField()
    replays = serializers.IntegerField()
    attempts = serializers.IntegerField()
    received_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    pruned_at = serializers.DateTimeField(allow_null=True)
    correlation_id = serializers.CharField()

    def get_run(self, event: Event) -> str | None:
        """The run that it fed or started."""
        return ids.encode(RUN_MARK, event.run_id) if event.run_id else None


class EventViews(EnvironmentViews[Event]):
    """What came in."""

    queryset = Event.objects.all()
    serializer_class = EventOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "webhooks.view_event",
        "retrieve": "webhooks.view_event",
        "replay": "webhooks.replay_event",
        "release": "webhooks.release_event",
    }

    def get_queryset(self) -> QuerySet[Event]:
        """Without the bodies."""
        return super().get_queryset().for_lists()  # type: ignore[attr-defined]

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first."""
        rows, asked = self.get_queryset(), request.query_params
        if status := asked.get("status"):
            if status not in EventStatus.values:
                raise Refused("invalid", f"status is one of {', '.join(EventStatus.values)}.")
            rows = rows.filter(status=status)
        if name := asked.get("source"):
            source = find(Source.objects.within(caller(request).environment), name, by="slug")
            rows = rows.filter(source=source) if source else rows.none()
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=None, responses={202: EventOut})
    @route(detail=True, methods=["post"])
    def replay(self, request: Request, id: str) -> Response:
        """Process a finished event again, attached to what exists."""
        return self._ordered(request, services.replay)

    @extend_schema(request=None, responses={202: EventOut})
    @route(detail=True, methods=["post"])
    def release(self, request: Request, id: str) -> Response:
        """Let an event out of quarantine."""
        return self._ordered(request, services.release)

    def _ordered(self, request: Request, order: Any) -> Response:
        checked(StrictFields, request)
        return Response(
            EventOut(order(event=self.get_object(), by=caller(request))).data, status=202
        )


class ProviderIn(StrictFields):
    """A service that runs agents; `source` is where its events come in."""

    slug = serializers.SlugField(max_length=40)
    adapter = serializers.CharField(max_length=40)
    base_url = serializers.URLField(max_length=300)
    api_key = serializers.CharField(max_length=2000)
    source = serializers.CharField(max_length=40, required=False)  # type: ignore[assignment]


class ProviderOut(serializers.Serializer[Provider]):
    """A provider without its key."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    adapter = serializers.CharField()
    base_url = serializers.CharField()
    fingerprint = serializers.CharField()
    sources = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_sources(self, provider: Provider) -> list[str]:
        """The sources whose events carry its runs."""
        return sorted(source.public_id for source in provider.sources.all())


class ProviderViews(EnvironmentViews[Provider]):
    """Services that run agents."""

    queryset = Provider.objects.filter(archived_at=None).prefetch_related("sources")
    serializer_class = ProviderOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "agents.view_agent",
        "retrieve": "agents.view_agent",
        "create": "agents.change_provider",
    }

    @extend_schema(request=ProviderIn, responses={201: ProviderOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Configure a provider, and bind the source that carries its runs."""
        body, place = checked(ProviderIn, request), caller(request).environment
        sources = Source.objects.within(place).filter(archived_at=None)
        source = named(sources, body.pop("source", None), by="slug", what="source")
        with transaction.atomic():
            made = agents.create_provider(place, **body)
            if source is not None:
                services.update_source(source, provider=made)
        return Response(ProviderOut(made).data, status=201)


def _route(by: Principal, wanted: dict[str, Any]) -> NewRoute:
    agents_here = Agent.objects.within(by.environment)
    providers = Provider.objects.within(by.environment)
    names = {
        "agent": named(agents_here, wanted.get("agent"), by="slug", what="agent"),
        "provider": named(providers, wanted.get("provider"), by="slug", what="provider"),
    }
    return NewRoute(**{**wanted, **names})
