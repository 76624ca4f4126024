"""The REST resource of events."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, find
from gateway.tenants.authentication import caller
from webhooks import services
from webhooks.models import Event, Source
from webhooks.states import EventStatus

RUN_MARK = "run"
FILTERS = [
    OpenApiParameter("status", str, enum=EventStatus.values),
    OpenApiParameter("source", str, description="Its id or slug."),
]


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
