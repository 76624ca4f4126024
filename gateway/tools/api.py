"""The REST resource of tools."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.connections.models import Connection
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tools import services
from gateway.tools.models import RetryClass, Risk, SideEffect, Tool


class PreviewIn(StrictFields):
    """Where the present state is read, and which parts of it are before and after."""

    method = serializers.CharField(max_length=10)
    url = serializers.CharField(max_length=2000)
    before = serializers.CharField(max_length=2000)
    after = serializers.CharField(max_length=2000)


class ToolIn(StrictFields):
    """A tool's whole definition; the same name again gives it a new version."""

    name = serializers.RegexField(r"^[A-Za-z0-9_.-]{1,80}$")
    description = serializers.CharField(allow_blank=True, required=False)
    input_schema = serializers.DictField()
    output_schema = serializers.DictField(required=False, allow_null=True)
    side_effect = serializers.ChoiceField(choices=SideEffect.choices)
    retry_class = serializers.ChoiceField(choices=RetryClass.choices)
    risk = serializers.ChoiceField(choices=Risk.choices)
    connector = serializers.CharField(max_length=40)
    operation = serializers.CharField(max_length=80)
    config = serializers.DictField(required=False)
    connection = serializers.CharField(max_length=40, required=False, allow_null=True)
    effect = serializers.CharField(max_length=2000, allow_blank=True)
    affected = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    preview = PreviewIn(required=False, allow_null=True)
    material = serializers.ListField(child=serializers.CharField(), required=False)
    sensitive = serializers.ListField(child=serializers.CharField(), required=False)
    enabled = serializers.BooleanField(required=False)


class ToolOut(serializers.Serializer[Tool]):
    """A tool as an agent may know it."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    enabled = serializers.BooleanField(source="is_enabled")
    version = serializers.IntegerField(source="current.number")
    description = serializers.CharField(source="current.description")
    input_schema = serializers.JSONField(source="current.input_schema")
    output_schema = serializers.JSONField(source="current.output_schema", allow_null=True)
    side_effect = serializers.CharField(source="current.side_effect")
    retry_class = serializers.CharField(source="current.retry_class")
    risk = serializers.CharField(source="current.risk")
    created_at = serializers.DateTimeField()


class ToolDetailOut(ToolOut):
    """A tool with how it is carried out: for people only."""

    connector = serializers.CharField(source="current.connector")
    operation = serializers.CharField(source="current.operation")
    config = serializers.JSONField(source="current.config")
    connection = serializers.CharField(source="current.connection.public_id", default=None)
    effect = serializers.CharField(source="current.effect")
    affected = serializers.CharField(source="current.affected")
    preview = serializers.JSONField(source="current.preview", allow_null=True)
    material = serializers.JSONField(source="current.material")
    sensitive = serializers.JSONField(source="current.sensitive")
    definition_sha256 = serializers.CharField(source="current.definition_sha256")


class ToolViews(EnvironmentViews[Tool]):
    """What agents may ask for."""

    queryset = Tool.objects.filter(archived_at=None, current__isnull=False).select_related(
        "current__connection"
    )
    serializer_class = ToolDetailOut
    named_by = "name"
    permissions: ClassVar[dict[str, str]] = {
        "list": "tools.view_tool",
        "retrieve": "tools.view_tool",
        "create": "tools.change_tool",
    }

    def get_serializer_class(self) -> type[serializers.Serializer[Tool]]:
        """A machine learns what a tool takes, not how and where it is carried out."""
        knows_all = self.is_described or caller(self.request).is_member
        return ToolDetailOut if knows_all else ToolOut

    @extend_schema(request=ToolIn, responses={201: ToolDetailOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Define a tool. Every part is checked; the answer to a bad one names it."""
        body, place = checked(ToolIn, request), caller(request).environment
        connections = Connection.objects.within(place).filter(archived_at=None)
        body["connection"] = named(
            connections, body.get("connection"), by="slug", what="connection"
        )
        return Response(ToolDetailOut(services.save(place, **body)).data, status=201)
