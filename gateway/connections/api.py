"""The REST resource of connections. Values go in and never come back."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.connections import services
from gateway.connections.models import Connection
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent


class ConnectionIn(StrictFields):
    """A service and the credential for it; `config` holds what is not secret."""

    slug = serializers.SlugField(max_length=40)
    kind = serializers.ChoiceField(choices=Connection.Kind.choices)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    value = serializers.CharField(max_length=8000, trim_whitespace=False)
    config = serializers.DictField(child=serializers.CharField(max_length=300), required=False)
    region = serializers.CharField(max_length=40, required=False, allow_blank=True)


class ConnectionOut(serializers.Serializer[Connection]):
    """A connection without its value."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    config = serializers.JSONField()
    region = serializers.CharField()
    fingerprint = serializers.CharField()
    revision = serializers.IntegerField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ConnectionViews(EnvironmentViews[Connection]):
    """Credentials that tools are carried out with."""

    queryset = Connection.objects.filter(archived_at=None)
    serializer_class = ConnectionOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "connections.view_connection",
        "retrieve": "connections.view_connection",
        "create": "connections.change_connection",
    }

    @extend_schema(request=ConnectionIn, responses={201: ConnectionOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Store a credential, sealed."""
        made = services.create(caller(request).environment, **checked(ConnectionIn, request))
        return Response(ConnectionOut(made).data, status=201)
