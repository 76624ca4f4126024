"""The REST resource of audit records: found by target, actor or correlation id, and exported."""

import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar, cast
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audit import services
from audit.actions import AuditAction
from audit.context import Scope, Target
from audit.models import AuditRecord

JSON_LINES = "application/jsonl"
LINES_AT_A_TIME = 500
# The name in the address, and the column that it narrows.
NARROWED_BY = {"target": "target_id", "actor": "actor_id", "correlation": "correlation_id"}
FILTERS = [OpenApiParameter(name, str) for name in NARROWED_BY]


class RecordOut(serializers.Serializer[AuditRecord]):
    """One record: the digest covers the RFC 8785 text of `record`."""

    record = serializers.SerializerMethodField()
    sha256 = serializers.CharField(source="body_sha256")

    def get_record(self, row: AuditRecord) -> Any:
        """The record's fields."""
        return json.loads(row.body)


class AuditViews(GenericViewSet[AuditRecord]):
    """The records of the caller's environment, and of its tenant as a whole."""

    queryset = AuditRecord.objects.all()
    serializer_class = RecordOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "audit.view_record",
        "export": "audit.export_record",
    }

    def get_queryset(self) -> QuerySet[AuditRecord]:
        """What the filters leave; nothing of another tenant or environment."""
        if getattr(self, "swagger_fake_view", False):
            return AuditRecord.objects.none()
        scope = _scope(self.request)
        here = Q(environment=scope.environment) | Q(environment=None)
        rows = AuditRecord.objects.of_tenant(scope.tenant or "").filter(here)
        asked = self.request.query_params
        wanted = {column: asked[name] for name, column in NARROWED_BY.items() if asked.get(name)}
        return rows.filter(**wanted)

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        parameters=FILTERS,
        responses={(200, JSON_LINES): OpenApiResponse(OpenApiTypes.STR)},
    )
    @route(detail=False, methods=["get"])
    def export(self, request: Request) -> StreamingHttpResponse:
        """Every matching record, oldest first, one RFC 8785 text a line; the export is recorded."""
        rows = self.get_queryset()
        scope = _scope(request)
        asked = {name: request.query_params.get(name, "") for name in NARROWED_BY}
        services.record(
            AuditAction.RECORDS_EXPORTED,
            target=Target("environment", scope.environment or ""),
            scope=scope,
            meta=asked,
        )
        return StreamingHttpResponse(
            _lines(rows),
            content_type=JSON_LINES,
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )


def _scope(request: Request) -> Scope:
    """Of the caller, whom this app knows by this one attribute only."""
    return cast(Scope, cast(Any, request.auth).environment.audit_scope)


async def _lines(rows: QuerySet[AuditRecord]) -> AsyncIterator[str]:
    last: UUID | None = None
    while chunk := await sync_to_async(_chunk)(rows, last):
        for row in chunk:
            yield f"{row.body}\n"
        last = chunk[-1].pk


def _chunk(rows: QuerySet[AuditRecord], after: UUID | None) -> list[AuditRecord]:
    rest = rows if after is None else rows.filter(pk__gt=after)
    return list(rest.only("id", "body").order_by("id")[:LINES_AT_A_TIME])
