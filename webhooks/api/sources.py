"""The REST resource of sources, with their secrets and routes."""

from datetime import timedelta
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.agents.models import Agent, Provider
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, find, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.principals import Principal
from webhooks import services
from webhooks.models import Effect, Secret, Source
from webhooks.schemes.catalogue import CHOICES
from webhooks.services import NewRoute, NewSecret

DEFAULT_OVERLAP_S = int(services.DEFAULT_OVERLAP.total_seconds())
MAX_OVERLAP_S = int(services.MAX_OVERLAP.total_seconds())
SECRET_PARAMETER = OpenApiParameter("secret", str, "path", description="The secret's id.")


class SecretIn(StrictFields):
    """A signing secret and how long it counts."""

    value = serializers.CharField(max_length=1000, trim_whitespace=False)
    not_before = serializers.DateTimeField(required=False, allow_null=True)
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


class RotateIn(StrictFields):
    """A new secret; without `value` one is made in the form of the scheme."""

    value = serializers.CharField(max_length=1000, trim_whitespace=False, required=False)
    overlap_s = serializers.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_S, default=DEFAULT_OVERLAP_S
    )


class RoutesIn(StrictFields):
    """All routes of a source, in the order in which they are asked."""

    routes = RouteIn(many=True)


class SourceChange(StrictFields):
    """What is to be changed; what is left out stays.

    In `settings` as well: each named one is set, and null makes it as usual again. A `provider`
    of null unbinds it.
    """

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    settings = serializers.DictField(required=False)
    provider = serializers.CharField(max_length=40, required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False)


class SecretOut(serializers.Serializer[Secret]):
    """A secret by its fingerprint, and when it counts; its value never comes back."""

    id = serializers.CharField(source="public_id")
    fingerprint = serializers.CharField()
    not_before = serializers.DateTimeField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class RotatedOut(SecretOut):
    """A new secret; its value for this once where it was made here, else null."""

    value = serializers.CharField(allow_null=True)


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
    secrets = SecretOut(many=True)
    routes = serializers.SerializerMethodField()
    last_event_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

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
        "partial_update": "webhooks.change_source",
        "add_secret": "webhooks.change_source",
        "end_secret": "webhooks.change_source",
        "rotate": "webhooks.change_source",
        "replace_routes": "webhooks.change_source",
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

    @extend_schema(request=SourceChange, responses=SourceOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change a source; its scheme, slug and address stay."""
        body, source = checked(SourceChange, request), self.get_object()
        changes: dict[str, Any] = {key: body[key] for key in ("name",) if key in body}
        if "enabled" in body:
            changes["is_enabled"] = body["enabled"]
        if "settings" in body:
            changes["settings"] = _merged(source.settings, body["settings"])
        if "provider" in body:
            providers = Provider.objects.within(source.environment)
            changes["provider"] = named(providers, body["provider"], by="slug", what="provider")
        return Response(SourceOut(services.update_source(source, **changes)).data)

    @extend_schema(request=SecretIn, responses={201: SecretOut})
    @route(detail=True, methods=["post"], url_path="secrets")
    @idempotent()
    def add_secret(self, request: Request, id: str) -> Response:
        """One more secret beside those that count; at most ten count at a time."""
        new = NewSecret(**checked(SecretIn, request))
        return Response(SecretOut(services.add_secret(self.get_object(), new)).data, status=201)

    @extend_schema(parameters=[SECRET_PARAMETER], request=None, responses={204: None})
    @route(detail=True, methods=["delete"], url_path=r"secrets/(?P<secret>[^/]+)")
    def end_secret(self, request: Request, id: str, secret: str) -> Response:
        """End a secret now; what is signed with it is refused from then on."""
        source = self.get_object()
        found = find(Secret.objects.filter(source=source), secret)
        if found is None:
            raise Http404
        services.retire_secret(source, found)
        return Response(status=204)

    @extend_schema(request=RotateIn, responses={201: RotatedOut})
    @route(detail=True, methods=["post"])
    @idempotent(secrets=("value",))
    def rotate(self, request: Request, id: str) -> Response:
        """A new secret; the old ones count on for `overlap_s` seconds, a day unless you say else.

        A secret that is made here is in this answer and nowhere else.
        """
        body, source = checked(RotateIn, request), self.get_object()
        given = body.get("value")
        new = NewSecret(given) if given else services.generate(source.rules)
        made = services.rotate_secret(source, new, overlap=timedelta(seconds=body["overlap_s"]))
        shown = {**SecretOut(made).data, "value": None if given else new.value}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(request=RoutesIn, responses=SourceOut)
    @route(detail=True, methods=["put"], url_path="routes")
    def replace_routes(self, request: Request, id: str) -> Response:
        """Put these routes in the place of all others."""
        body, by, source = checked(RoutesIn, request), caller(request), self.get_object()
        routes = [_route(by, wanted) for wanted in body["routes"]]
        services.replace_routes(source, routes, by=by.user)
        return Response(SourceOut(source).data)


def _merged(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The settings with these changes; null takes one out."""
    merged = {**settings, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _route(by: Principal, wanted: dict[str, Any]) -> NewRoute:
    agents_here = Agent.objects.within(by.environment)
    providers = Provider.objects.within(by.environment)
    names = {
        "agent": named(agents_here, wanted.get("agent"), by="slug", what="agent"),
        "provider": named(providers, wanted.get("provider"), by="slug", what="provider"),
    }
    return NewRoute(**{**wanted, **names})
