"""The REST resource of providers: served here, because it names a source."""

from typing import ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.agents import services as agents
from gateway.agents.models import Provider
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from webhooks import services
from webhooks.models import Source


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
