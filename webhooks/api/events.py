"""The REST resource of events."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
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
from webhooks.services import MAX_AT_ONCE, DryRun, Which
from webhooks.states import FINAL, EventStatus

RUN_MARK = "run"
FILTERS = [
    OpenApiParameter("status", str, enum=EventStatus.values),
    OpenApiParameter("source", str, description="Its id or slug."),
    OpenApiParameter("type", str, description="The whole event type."),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Received at this time or later."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Received before this time."),
    OpenApiParameter("delivery", str, description="The delivery whose items are meant."),
]
SHOWN_AT_ONCE = 50
NARROWING = ("status", "source", "type", "since", "until")


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
    delivery = serializers.SerializerMethodField()
    item_index = serializers.IntegerField(allow_null=True)
    renewals = serializers.IntegerField()
    fetched_sha256 = serializers.CharField()
    fetched_at = serializers.DateTimeField(allow_null=True)

    def get_delivery(self, event: Event) -> str | None:
        """The delivery that carried it together with others."""
        return event.delivery_public_id or None

    def get_run(self, event: Event) -> str | None:
        """The run that it fed or started."""
        return ids.encode(RUN_MARK, event.run_id) if event.run_id else None


class WhichIn(StrictFields):
    """What narrows the events."""

    status = serializers.ChoiceField(choices=EventStatus.choices, required=False)
    source = serializers.CharField(max_length=100, required=False)  # type: ignore[assignment]
    type = serializers.CharField(max_length=128, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class ReplayIn(StrictFields):
    """How an event is to be processed again."""

    as_new = serializers.BooleanField(default=False)
    dry_run = serializers.BooleanField(default=False)


class ReplayManyIn(WhichIn, ReplayIn):
    """Which events are to be processed again: those named, or those that the filters find."""

    events = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=MAX_AT_ONCE
    )
    limit = serializers.IntegerField(min_value=1, max_value=MAX_AT_ONCE, default=100)


class DryRunOut(serializers.Serializer[DryRun]):
    """What would happen; nothing did."""

    route = serializers.CharField()
    effect = serializers.CharField()
    arguments = serializers.JSONField()
    trouble = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField()


class ReplayedOut(serializers.Serializer[Any]):
    """What became of one of many: `code` and `detail` where it was refused."""

    event = serializers.CharField(source="event.public_id")
    code = serializers.CharField()
    detail = serializers.CharField()


class ShownOut(serializers.Serializer[Any]):
    """What would become of one of many."""

    event = serializers.CharField()
    dry_run = DryRunOut()


class ReplayManyOut(serializers.Serializer[Any]):
    """One line for each event, the oldest first; `remaining` more are found by the filters."""

    results = ReplayedOut(many=True)
    shown = ShownOut(many=True)
    remaining = serializers.IntegerField()


class EventViews(EnvironmentViews[Event]):
    """What came in."""

    queryset = Event.objects.all()
    serializer_class = EventOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "webhooks.view_event",
        "retrieve": "webhooks.view_event",
        "replay": "webhooks.replay_event",
        "replay_many": "webhooks.replay_event",
        "release": "webhooks.release_event",
    }

    def get_queryset(self) -> QuerySet[Event]:
        """Without the bodies."""
        return super().get_queryset().for_lists()  # type: ignore[attr-defined]

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first."""
        asked = request.query_params
        given = WhichIn(data={name: asked[name] for name in NARROWING if asked.get(name)})
        given.is_valid(raise_exception=True)
        rows = self._select(request, dict(given.validated_data))
        if name := asked.get("delivery"):
            found = find(self.get_queryset(), name)
            rows = rows.filter(delivery=found) if found else rows.none()
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=ReplayIn, responses={202: EventOut, 200: DryRunOut})
    @route(detail=True, methods=["post"])
    def replay(self, request: Request, id: str) -> Response:
        """Process a finished event again, attached to what exists, or `as_new`."""
        event, by, body = self.get_object(), caller(request), checked(ReplayIn, request)
        if body["dry_run"]:
            found = services.dry_run(event=event, by=by, as_new=body["as_new"])
            return Response(DryRunOut(found).data)
        services.replay(event=event, by=by, as_new=body["as_new"])
        return Response(EventOut(event).data, status=202)

    @extend_schema(
        operation_id="events_replay_many",
        request=ReplayManyIn,
        responses={202: ReplayManyOut, 200: ReplayManyOut},
    )
    @route(detail=False, methods=["post"], url_path="replay")
    def replay_many(self, request: Request) -> Response:
        """Process many finished events again, the oldest first; each has its own result.

        With `dry_run` the first 50 are shown.
        """
        body, by = checked(ReplayManyIn, request), caller(request)
        rows = self._meant(request, body).order_by("id")
        most = min(body["limit"], SHOWN_AT_ONCE) if body["dry_run"] else body["limit"]
        total, events = rows.count(), list(rows[:most])
        answer: dict[str, Any] = {"results": [], "shown": [], "remaining": total - len(events)}
        if body["dry_run"]:
            answer["shown"] = [
                {
                    "event": event.public_id,
                    "dry_run": services.dry_run(event=event, by=by, as_new=body["as_new"]),
                }
                for event in events
            ]
            return Response(ReplayManyOut(answer).data)
        answer["results"] = services.replay_many(events, by=by, as_new=body["as_new"])
        return Response(ReplayManyOut(answer).data, status=202)

    @extend_schema(request=None, responses={202: EventOut})
    @route(detail=True, methods=["post"])
    def release(self, request: Request, id: str) -> Response:
        """Let an event out of quarantine."""
        checked(StrictFields, request)
        event = services.release(event=self.get_object(), by=caller(request))
        return Response(EventOut(event).data, status=202)

    def _select(self, request: Request, body: dict[str, Any]) -> QuerySet[Event]:
        """The events that the filters find; a source that is not here has none."""
        name, rows = body.pop("source", ""), self.get_queryset()
        source = find(Source.objects.within(caller(request).environment), name, by="slug")
        if name and source is None:
            return rows.none()
        return services.select(rows, Which(source=source, **body))

    def _meant(self, request: Request, body: dict[str, Any]) -> QuerySet[Event]:
        """The finished events that a body names or narrows down; never simply all."""
        given = {name: body[name] for name in NARROWING if name in body}
        if not given and not body.get("events"):
            raise Refused("invalid", "Name the events, or narrow them by status, source or time.")
        rows = self._select(request, given)
        if names := body.get("events"):
            rows = rows.filter(pk__in=[_key(name) for name in names])
        # Named ones that are not finished are refused by name; a filter passes them over.
        return rows if names else rows.filter(status__in=FINAL)


def _key(name: str) -> Any:
    try:
        return ids.decode(Event.PREFIX, name)
    except ids.BadId as error:
        raise Refused("invalid", str(error), field="events") from error
