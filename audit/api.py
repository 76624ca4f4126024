"""The REST resource of audit records: found, exported, and proven by the tree's checkpoints."""

import base64
import json
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from audit import checkpoints, exporting, published, services, tree
from audit.actions import AuditAction
from audit.context import Scope, Target
from audit.models import AuditRecord, Checkpoint
from audit.sequencer import CHECKPOINT_S

JSON_LINES = "application/jsonl"
MAX_SIZE = 2**53 - 1
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


class NotYet(exceptions.APIException):
    """There is nothing signed yet that would prove this; a moment later there is."""

    status_code = 409
    default_code = "not_yet"
    default_detail = f"No checkpoint covers this yet; ask again in {CHECKPOINT_S} seconds."
    wait = CHECKPOINT_S


class LogBroken(exceptions.APIException):
    """The stored tree has a hole: there is nothing to prove with, and somebody must look."""

    status_code = 409
    default_code = "log_broken"


class CheckpointOut(serializers.Serializer[Checkpoint]):
    """A signed tree head. `note` is the C2SP checkpoint, which is what to keep."""

    log = serializers.CharField()
    size = serializers.IntegerField()
    # The framework has a property of this name, which only fields within a serializer use.
    root = serializers.CharField(help_text="SHA-256, in hex.")  # type: ignore[assignment]
    note = serializers.CharField()
    signed_at = serializers.DateTimeField()
    verifier_keys = serializers.SerializerMethodField(
        help_text="The keys that have signed here, as tools for signed notes take them."
    )

    def get_verifier_keys(self, row: Checkpoint) -> list[str]:
        """Of this log; none where this process cannot read the scheduler's folder."""
        return [checkpoints.verifier_key(row.log, key) for key in published.public_keys()]


class ProofOut(serializers.Serializer[tree.Inclusion]):
    """The leaf is SHA-256 over a zero byte and the RFC 8785 text of `record` (RFC 6962)."""

    record = serializers.SerializerMethodField()
    leaf_index = serializers.IntegerField(source="leaf.leaf_index")
    leaf_hash = serializers.CharField(source="leaf.leaf_hash")
    hashes = serializers.SerializerMethodField(help_text="From the leaf to the root, in base64.")
    checkpoint = CheckpointOut()
    tlog_proof = serializers.SerializerMethodField(help_text="All of it as a C2SP tlog-proof file.")

    def get_record(self, found: tree.Inclusion) -> Any:
        """The record's fields."""
        return json.loads(found.leaf.record.body)

    def get_hashes(self, found: tree.Inclusion) -> list[str]:
        """Each in base64."""
        return [base64.b64encode(value).decode() for value in found.hashes]

    def get_tlog_proof(self, found: tree.Inclusion) -> str:
        """The text of the file."""
        lines = ["c2sp.org/tlog-proof@v1", f"index {found.leaf.leaf_index}"]
        return "\n".join([*lines, *self.get_hashes(found), "", found.checkpoint.note])


class ConsistencyOut(serializers.Serializer[tree.Consistency]):
    """That the tree only grew between two sizes: check it with the root that you kept of `from`."""

    log = serializers.CharField(source="checkpoint.log")
    to = serializers.IntegerField(source="checkpoint.size")
    hashes = serializers.SerializerMethodField(help_text="As RFC 6962 orders them, in base64.")
    checkpoint = CheckpointOut(help_text="The signed head of `to`.")

    def get_fields(self) -> dict[str, Any]:
        """`from` too, which is no name in Python."""
        size = serializers.IntegerField(source="earlier")
        return {"from": size, **super().get_fields()}

    def get_hashes(self, found: tree.Consistency) -> list[str]:
        """Each in base64."""
        return [base64.b64encode(value).decode() for value in found.hashes]


class AuditViews(GenericViewSet[AuditRecord]):
    """The records of the caller's environment, and of its tenant as a whole."""

    queryset = AuditRecord.objects.all()
    serializer_class = RecordOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "audit.view_record",
        "export": "audit.export_record",
        "checkpoint": "audit.view_record",
        "proof": "audit.view_record",
        "consistency": "audit.view_record",
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
            exporting.texts(rows),
            content_type=JSON_LINES,
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )

    @extend_schema(responses=CheckpointOut)
    @route(detail=False, methods=["get"])
    def checkpoint(self, request: Request) -> Response:
        """The newest signed head of the tenant's tree: keep it, and no later change goes unseen."""
        newest = tree.newest_checkpoint(_scope(request).tenant or "")
        if newest is None:
            raise NotYet
        return Response(CheckpointOut(newest).data)

    @extend_schema(responses=ProofOut)
    @route(detail=False, methods=["get"], url_path="proof/(?P<id>[^/]+)")
    def proof(self, request: Request, id: str) -> Response:
        """That one record stands in the tree, towards the newest checkpoint."""
        record = self.get_queryset().filter(pk=_uuid(id)).first()
        if record is None:
            raise Http404
        try:
            found = tree.inclusion(record)
        except tree.Broken as error:
            raise LogBroken(str(error)) from error
        if found is None:
            raise NotYet
        return Response(ProofOut(found).data)

    @extend_schema(
        parameters=[OpenApiParameter("from", int, required=True), OpenApiParameter("to", int)],
        responses=ConsistencyOut,
    )
    @route(detail=False, methods=["get"])
    def consistency(self, request: Request) -> Response:
        """That the log of `from` leaves is the beginning of a signed one: the newest, or `to`'s."""
        log = _scope(request).tenant or ""
        asked = serializers.IntegerField(min_value=1, max_value=MAX_SIZE)
        earlier = _asked(request, "from", asked)
        later = _asked(request, "to", asked) if "to" in request.query_params else None
        head = tree.checkpoint(log, later) if later else tree.newest_checkpoint(log)
        if head is None and later:
            raise _wrong("to", f"No checkpoint covers {later} leaves: leave `to` out.")
        if head is None:
            raise NotYet
        if earlier > head.size:
            raise _wrong("from", f"The signed log has {head.size} leaves, fewer than {earlier}.")
        try:
            return Response(ConsistencyOut(tree.consistency(head, earlier)).data)
        except tree.Broken as error:
            raise LogBroken(str(error)) from error


def _asked(request: Request, name: str, field: serializers.IntegerField) -> int:
    """The number of this name in the address; raises ValidationError."""
    try:
        return int(field.run_validation(request.query_params.get(name, "")))
    except exceptions.ValidationError as error:
        raise exceptions.ValidationError({name: error.detail}) from error


def _wrong(name: str, text: str) -> exceptions.ValidationError:
    return exceptions.ValidationError({name: [text]})


def _uuid(text: str) -> UUID:
    """The id as the record itself says it; raises Http404 for any other text."""
    try:
        found = UUID(text)
    except ValueError as error:
        raise Http404 from error
    if str(found) != text:
        raise Http404
    return found


def _scope(request: Request) -> Scope:
    """Of the caller, whom this app knows by this one attribute only."""
    return cast(Scope, cast(Any, request.auth).environment.audit_scope)
