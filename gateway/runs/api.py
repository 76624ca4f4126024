"""The REST resource of runs, and actions as part of one."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api import ActionViews
from approvals.services.wishes import RunContext
from gateway.agents import services as agents
from gateway.agents.models import Agent, Provider
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, find, named, wait_of
from gateway.runs import services
from gateway.runs.models import Run, RunEvent
from gateway.runs.states import RunStatus
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.principals import Principal

LAST_EVENT = "Last-Event-ID"
EVENT_STREAM = "text/event-stream"
PAGE_OF_EVENTS = 500
WAIT = OpenApiParameter("wait", int, description="Hold the answer until it ends, at most 60 s.")
FILTERS = [
    OpenApiParameter("status", str, enum=RunStatus.values),
    OpenApiParameter("agent", str, description="Its id or slug."),
]


class ConstraintsIn(StrictFields):
    """Caps of one run: they only tighten."""

    max_steps = serializers.IntegerField(min_value=1, required=False)
    max_tool_calls = serializers.IntegerField(min_value=0, required=False)
    require_approval_for = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False
    )
    timeout_s = serializers.IntegerField(min_value=1, required=False)


class TagsIn(StrictFields):
    """For whom and what for."""

    user_id = serializers.CharField(max_length=200, required=False)
    project_id = serializers.CharField(max_length=200, required=False)
    run_purpose = serializers.CharField(max_length=200, required=False)


class RunIn(StrictFields):
    """A task for an agent that has a provider, or for a provider."""

    agent = serializers.CharField(max_length=40, required=False)
    provider = serializers.CharField(max_length=40, required=False)
    task = serializers.CharField(max_length=20_000)
    constraints = ConstraintsIn(required=False)
    tags = TagsIn(required=False)


class RunCancelIn(StrictFields):
    """Why the run is ended."""

    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class RunOut(serializers.Serializer[Run]):
    """A run: its state, and once it has ended its output or error."""

    id = serializers.CharField(source="public_id")
    status = serializers.ChoiceField(choices=RunStatus.choices)
    is_final = serializers.BooleanField()
    agent = serializers.CharField(source="agent.public_id")
    provider = serializers.CharField(source="provider.public_id")
    provider_run_id = serializers.CharField(allow_null=True)
    origin = serializers.CharField()
    task = serializers.CharField()
    constraints = serializers.JSONField()
    tags = serializers.JSONField()
    started_by = serializers.SerializerMethodField()
    retry_of = serializers.CharField(source="retry_of.public_id", default=None)
    output = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    usage = serializers.JSONField()
    event = serializers.CharField(source="source_event")
    correlation_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_started_by(self, run: Run) -> dict[str, str]:
        """Who asked for it."""
        return {"kind": run.started_by_kind, "id": run.started_by_id}


class RunViews(EnvironmentViews[Run]):
    """Tasks that agents execute."""

    queryset = Run.objects.all()
    serializer_class = RunOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "runs.view_run",
        "retrieve": "runs.view_run",
        "events": "runs.view_run",
        "create": "runs.start_run",
        "cancel": "runs.cancel_run",
        "retry": "runs.retry_run",
    }

    def get_queryset(self) -> QuerySet[Run]:
        """A machine sees its own agent's runs; a member all of the environment."""
        rows = super().get_queryset()
        return rows if self.is_described else visible(caller(self.request), rows)

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(_narrowed(self.get_queryset(), request))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(parameters=[WAIT])
    def retrieve(self, request: Request, id: str) -> Response:
        """The run as it stands."""
        wait_of(request.query_params.get("wait"))
        return super().retrieve(request, id)

    @extend_schema(parameters=[WAIT], request=RunIn, responses={200: RunOut, 202: RunOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Start a run (202); with `wait`, the ended run (200) if it ends in time."""
        wait_of(request.query_params.get("wait"))
        body, by = checked(RunIn, request), caller(request)
        agent, provider = _runner(by, body)
        run = services.start(
            by.environment,
            agent=agent,
            provider=provider,
            task=body["task"],
            constraints=body.get("constraints"),
            tags=body.get("tags"),
            by=by,
        )
        return Response(RunOut(run).data, status=202)

    @extend_schema(request=RunCancelIn, responses=RunOut)
    @route(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """End a run and withdraw its open actions."""
        body = checked(RunCancelIn, request)
        return Response(
            RunOut(services.cancel(run=self.get_object(), by=caller(request), **body)).data
        )

    @extend_schema(request=None, responses={202: RunOut})
    @route(detail=True, methods=["post"])
    @idempotent()
    def retry(self, request: Request, id: str) -> Response:
        """Run the same task again, as a new run linked to this one."""
        again = services.retry(run=self.get_object(), by=caller(request))
        return Response(RunOut(again).data, status=202)

    @extend_schema(
        parameters=[OpenApiParameter(LAST_EVENT, int, OpenApiParameter.HEADER)],
        responses={(200, EVENT_STREAM): OpenApiResponse(OpenApiTypes.STR)},
    )
    @route(detail=True, methods=["get"])
    def events(self, request: Request, id: str) -> HttpResponse:
        """The timeline as Server-Sent Events until the run ends; resumable by `Last-Event-ID`."""
        lines = stored_events(self.get_object(), after=last_event(request.headers.get(LAST_EVENT)))
        return HttpResponse(
            "".join(map(as_sse, lines)), EVENT_STREAM, headers={"Cache-Control": "no-store"}
        )


class RunActionViews(ActionViews):
    """Actions that may belong to a run."""

    def run_context(self, text: str) -> RunContext:
        """The caller's open run. Raises Refused for an unknown one, Conflict for one that ended."""
        by = caller(self.request)
        run = find(visible(by, Run.objects.within(by.environment)), text)
        if run is None:
            return super().run_context(text)
        if run.is_final:
            raise Conflict("run_ended", f"The run is {run.get_status_display().lower()} already.")
        return services.context_of(run)


def visible(by: Principal, rows: QuerySet[Run]) -> QuerySet[Run]:
    """The runs that this principal may see, with what the API shows of them."""
    rows = rows.select_related("agent", "provider", "retry_of", "environment__tenant")
    return rows if by.is_member else rows.filter(agent=by.agent_id)


def stored_events(run: Run, *, after: int) -> Iterator[RunEvent]:
    """The lines of the timeline after this number, at most one page of them."""
    return iter(run.events.filter(number__gt=after).order_by("number")[:PAGE_OF_EVENTS])


def as_news(line: RunEvent) -> dict[str, Any]:
    """One line of the timeline as listeners get it."""
    return {
        "number": line.number,
        "kind": line.kind,
        "data": line.data,
        "created_at": line.created_at.isoformat(),
    }


def as_sse(line: RunEvent) -> str:
    """The same line as a Server-Sent Event, its number as the id to resume from."""
    return f"id: {line.number}\nevent: {line.kind}\ndata: {json.dumps(as_news(line))}\n\n"


def last_event(text: str | None) -> int:
    """The number that a listener has seen last; 0 for a new one. Raises Refused."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused("invalid", f"{LAST_EVENT} is the id of an event of this run.")
    return int(text)


def _runner(by: Principal, body: dict[str, Any]) -> tuple[Agent | None, Provider | None]:
    """The agent and provider that the body names. A machine starts runs of its own agent only."""
    agent = named(Agent.objects.within(by.environment), body.get("agent"), by="slug", what="agent")
    providers = Provider.objects.within(by.environment)
    provider = named(providers, body.get("provider"), by="slug", what="provider")
    if by.is_member:
        return agent, provider
    own = agents.agent_of_principal(by)
    is_foreign = agent not in (None, own) or provider not in (None, own.provider)
    if is_foreign:
        raise Denied("not_permitted", "A machine's key starts runs of its own agent only.")
    return own, provider


def _narrowed(rows: QuerySet[Run], request: Request) -> QuerySet[Run]:
    asked = request.query_params
    if status := asked.get("status"):
        if status not in RunStatus.values:
            raise Refused("invalid", f"status is one of {', '.join(RunStatus.values)}.")
        rows = rows.filter(status=status)
    if name := asked.get("agent"):
        agent = find(Agent.objects.within(caller(request).environment), name, by="slug")
        rows = rows.filter(agent=agent) if agent else rows.none()
    return rows
