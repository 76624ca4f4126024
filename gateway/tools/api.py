"""The REST resource of tools."""

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.connections.models import Connection
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.models import Environment
from gateway.tools import schema, services
from gateway.tools.documents import MAX_DOCUMENT_BYTES
from gateway.tools.models import RetryClass, Risk, SideEffect, Tool, Upstream


class PreviewIn(StrictFields):
    """Where the present state is read, and which parts of it are before and after."""

    method = serializers.CharField(max_length=10)
    url = serializers.CharField(max_length=2000)
    before = serializers.CharField(max_length=2000)
    after = serializers.CharField(max_length=2000)


class CompensateIn(StrictFields):
    """The operation that undoes the tool's; it may use the arguments and `result`."""

    operation = serializers.CharField(max_length=80, required=False)
    config = serializers.DictField(required=False)
    effect = serializers.CharField(max_length=2000, required=False)


class ToolIn(StrictFields):
    """A tool's whole definition; the same name again gives it a new version.

    What the connector's operation says of itself (docs/connectors.md) may be left out.
    """

    name = serializers.RegexField(r"^[A-Za-z0-9_.-]{1,80}$")
    description = serializers.CharField(allow_blank=True, required=False)
    input_schema = serializers.DictField(required=False)
    output_schema = serializers.DictField(required=False, allow_null=True)
    side_effect = serializers.ChoiceField(choices=SideEffect.choices, required=False)
    retry_class = serializers.ChoiceField(choices=RetryClass.choices, required=False)
    risk = serializers.ChoiceField(choices=Risk.choices, allow_blank=True, required=False)
    connector = serializers.CharField(max_length=40)
    operation = serializers.CharField(max_length=80)
    config = serializers.DictField(required=False)
    connection = serializers.CharField(max_length=40, required=False, allow_null=True)
    effect = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    affected = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    preview = PreviewIn(required=False, allow_null=True)
    material = serializers.ListField(child=serializers.CharField(), required=False)
    sensitive = serializers.ListField(child=serializers.CharField(), required=False)
    compensate = CompensateIn(required=False, allow_null=True)
    reviewers = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=20
    )
    enabled = serializers.BooleanField(required=False)


class ToolChange(StrictFields):
    """On or off, put away or taken out again."""

    enabled = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)


class BindIn(StrictFields):
    """Where the tool's definition is to stand as well, and what it reaches the service with."""

    environment = serializers.CharField(max_length=60)
    connection = serializers.CharField(max_length=40, required=False, allow_null=True)
    origin = serializers.CharField(max_length=300, required=False)


class ImportIn(StrictFields):
    """A document that describes operations, and which of them become tools (off, to begin with)."""

    kind = serializers.ChoiceField(choices=Upstream.Kind.choices)
    name = serializers.SlugField(max_length=40)
    document = serializers.CharField(max_length=MAX_DOCUMENT_BYTES)
    server = serializers.CharField(max_length=300, required=False)
    operations = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=300
    )
    dry_run = serializers.BooleanField(required=False)


class FoundOut(serializers.Serializer[Any]):
    """One operation, and how it stands to the tools there are."""

    key = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["new", "same", "changed", "gone", "taken", "unfit"])
    problem = serializers.CharField()
    notes = serializers.ListField(source="draft.notes", child=serializers.CharField(), default=list)
    tool = serializers.CharField(source="tool.public_id", default=None)


class ReadingOut(serializers.Serializer[Any]):
    """A document that was read."""

    kind = serializers.CharField()
    name = serializers.CharField()
    title = serializers.CharField()
    sha256 = serializers.CharField()
    operations = FoundOut(source="found", many=True)


class DriftIn(StrictFields):
    """Whether the upstream's description, named by its hash, is taken over."""

    decision = serializers.ChoiceField(choices=["accept", "keep"])
    sha256 = serializers.CharField(max_length=64, allow_blank=True)


class WarningOut(serializers.Serializer[Any]):
    """Something the definition allows although it seldom should."""

    path = serializers.CharField()
    message = serializers.CharField()


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
    compensate = serializers.JSONField(source="current.compensate", allow_null=True)
    reviewers = serializers.ListField(source="current.reviewers", child=serializers.CharField())
    archived_at = serializers.DateTimeField(allow_null=True)
    drifted_at = serializers.DateTimeField(allow_null=True)
    missing = serializers.SerializerMethodField(help_text="What it lacks to be enabled.")
    warnings = serializers.SerializerMethodField()
    definition_sha256 = serializers.CharField(source="current.definition_sha256")

    def get_missing(self, tool: Tool) -> list[str]:
        """What a reviewer would not see; empty for a tool that may be enabled."""
        return services.missing_blocks(tool.current) if tool.current else []

    @extend_schema_field(WarningOut(many=True))
    def get_warnings(self, tool: Tool) -> list[dict[str, str]]:
        """Doubtful parts of the arguments' definition."""
        found = schema.warnings(tool.current.input_schema) if tool.current else ()
        return [{"path": item.path, "message": item.message} for item in found]


class ToolViews(EnvironmentViews[Tool]):
    """What agents may ask for."""

    queryset = Tool.objects.filter(current__isnull=False).select_related(
        "current__connection", "environment__tenant"
    )
    serializer_class = ToolDetailOut
    named_by = "name"
    permissions: ClassVar[dict[str, str]] = {
        "list": "tools.view_tool",
        "retrieve": "tools.view_tool",
        "create": "tools.change_tool",
        "partial_update": "tools.change_tool",
        "bind": "tools.change_tool",
        "import_document": "tools.change_tool",
        "drift": "tools.change_tool",
    }

    def rows(self) -> Any:
        """What is put away is found only to be taken out again."""
        rows = super().rows()
        return rows if self.action == "partial_update" else rows.filter(archived_at=None)

    def get_serializer_class(self) -> type[serializers.Serializer[Tool]]:
        """A machine learns what a tool takes, not how and where it is carried out."""
        knows_all = self.is_described or caller(self.request).is_member
        return ToolDetailOut if knows_all else ToolOut

    @extend_schema(request=ToolIn, responses={201: ToolDetailOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Define a tool. Every part is checked; the answer to a bad one names it."""
        body, place = services.with_offer(checked(ToolIn, request)), caller(request).environment
        connections = Connection.objects.within(place).filter(archived_at=None)
        body["connection"] = named(
            connections, body.get("connection"), by="slug", what="connection"
        )
        return Response(ToolDetailOut(services.save(place, **body)).data, status=201)

    @extend_schema(request=ToolChange, responses=ToolDetailOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Switch a tool on or off, put it away or take it out again.

        One that does not show a reviewer what it takes to decide is not enabled (422
        `incomplete`, with `missing`).
        """
        body, tool = checked(ToolChange, request), self.get_object()
        if "archived" in body:
            tool = services.archive(tool) if body["archived"] else services.restore(tool)
        if "enabled" in body:
            tool = services.switch(tool, on=body["enabled"])
        return Response(ToolDetailOut(tool).data)

    @extend_schema(request=BindIn, responses={201: ToolDetailOut})
    @action(detail=True, methods=["post"])
    @idempotent()
    def bind(self, request: Request, id: str) -> Response:
        """Give another environment of yours the same tool, off, with a connection of that one.

        With the browser's session only: a key acts in its own environment.
        """
        body, tool, by = checked(BindIn, request), self.get_object(), caller(request)
        places = Environment.objects.filter(tenant=by.environment.tenant_id)
        place = named(places, body["environment"], by="slug", what="environment")
        if place is None:
            raise Http404
        connections = Connection.objects.within(place).filter(archived_at=None)
        connection = named(connections, body.get("connection"), by="slug", what="connection")
        bound = services.bind(
            tool, environment=place, by=by, connection=connection, origin=body.get("origin", "")
        )
        return Response(ToolDetailOut(bound).data, status=201)

    @extend_schema(request=ImportIn, responses={200: ReadingOut, 201: ReadingOut})
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    @idempotent()
    def import_document(self, request: Request) -> Response:
        """Make drafts of tools from an OpenAPI 3 document or an MCP server's tool list.

        Each is pinned by the hash of its description; a later import that describes it otherwise
        marks the tool, and nothing of it is decided or carried out until `drift` is answered.
        """
        body, place = checked(ImportIn, request), caller(request).environment
        if body.pop("dry_run", False):
            body.pop("operations", None)
            return Response(ReadingOut(services.read_document(place, **body)).data)
        return Response(ReadingOut(services.import_tools(place, **body)).data, status=201)

    @extend_schema(request=DriftIn, responses=ToolDetailOut)
    @action(detail=True, methods=["post"])
    def drift(self, request: Request, id: str) -> Response:
        """Take over what a tool's upstream says of it now, or keep what was accepted."""
        body, tool = checked(DriftIn, request), self.get_object()
        decide = services.accept_drift if body["decision"] == "accept" else services.keep_pinned
        return Response(ToolDetailOut(decide(tool, sha256=body["sha256"])).data)
