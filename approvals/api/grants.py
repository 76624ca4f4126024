"""Grants: calls of one kind that a reviewer lets through for a while."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.api.shapes import ActionOut
from approvals.models import Action, Grant
from gateway.lib.errors import Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

OPEN = {"true": True, "false": False}
FILTERS = [OpenApiParameter("open", bool, description="Only those that count now, or not.")]
DAY_S = 86_400


class GrantWishIn(StrictFields):
    """A grant derived from an action that the caller approved."""

    action = serializers.CharField(max_length=40, help_text="The action it is derived from.")
    condition = serializers.CharField(
        max_length=4000,
        required=False,
        help_text="CEL over args, secrets masked; else exactly these arguments.",
    )
    expires_in_s = serializers.IntegerField(min_value=60, max_value=90 * DAY_S)
    max_uses = serializers.IntegerField(min_value=1, max_value=1000)
    reason = serializers.CharField(max_length=300)


class GrantPreviewIn(StrictFields):
    """A condition to try on the actions of the last days."""

    action = serializers.CharField(max_length=40)
    condition = serializers.CharField(max_length=4000, required=False)
    days = serializers.IntegerField(min_value=1, max_value=90, required=False)


class GrantOut(serializers.Serializer[Grant]):
    """A grant, and how much of it is left."""

    id = serializers.CharField(source="public_id")
    agent = serializers.CharField(source="agent.public_id")
    tool = serializers.CharField(source="tool.name")
    condition = serializers.CharField()
    derived_from = serializers.CharField(source="derived_from.public_id")
    made_by = serializers.CharField(source="made_by.public_id")
    reason = serializers.CharField()
    max_uses = serializers.IntegerField()
    uses = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(source="revoked_by.public_id", default=None)


class GrantPreviewOut(serializers.Serializer[Any]):
    """What the condition would have let through."""

    condition = serializers.CharField()
    count = serializers.IntegerField(help_text="How many of those looked at it holds for.")
    looked_at = serializers.IntegerField()
    is_cut = serializers.BooleanField(help_text="Whether there were more than were looked at.")
    actions = ActionOut(many=True)


class GrantViews(EnvironmentViews[Grant]):
    """Instead of "always allow": exact, for one agent and tool, ended by time and by count."""

    queryset = Grant.objects.select_related(
        "agent", "tool", "derived_from", "made_by", "revoked_by", "environment__tenant"
    )
    serializer_class = GrantOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_action",
        "retrieve": "approvals.view_action",
        "create": "approvals.decide_action",
        "preview": "approvals.decide_action",
        "revoke": "approvals.decide_action",
    }

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(_narrowed(self.get_queryset(), request))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=GrantWishIn, responses={201: GrantOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Let calls like an approved one through; members only."""
        body, by = checked(GrantWishIn, request), caller(request)
        until = timezone.now() + timedelta(seconds=body.pop("expires_in_s"))
        made = services.grants.create(
            action=_action(request, body.pop("action")), by=by, expires_at=until, **body
        )
        return Response(GrantOut(made).data, status=201)

    @extend_schema(request=GrantPreviewIn, responses=GrantPreviewOut)
    @route(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a condition would have let through in the last days. Changes nothing."""
        body = checked(GrantPreviewIn, request)
        action = _action(request, body["action"])
        condition = body.get("condition") or services.grants.suggest(action)
        found = services.grants.matching(action, condition, days=body.get("days", 30))
        rows = Action.objects.for_lists().filter(pk__in=[row.pk for row in found.actions])
        shown = {
            "condition": condition, "count": found.count, "looked_at": found.looked_at,
            "is_cut": found.is_cut, "actions": rows,
        }  # fmt: skip
        return Response(GrantPreviewOut(shown).data)

    @extend_schema(request=None, responses=GrantOut)
    @route(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """End the grant. What it let through and has not begun goes back to people."""
        ended = services.grants.revoke(grant=self.get_object(), by=caller(request))
        return Response(GrantOut(ended).data)


def _action(request: Request, text: str) -> Action:
    rows = Action.objects.within(caller(request).environment).select_related(
        "environment__tenant", "agent__owner__user", "tool_version__tool"
    )
    found = named(rows, text, by="", what="action")
    if found is None:
        raise Refused("unknown_action", "Name the action that the grant is derived from.")
    return found


def _narrowed(rows: QuerySet[Grant], request: Request) -> QuerySet[Grant]:
    text: Any = request.query_params.get("open")
    if text is None:
        return rows
    if text not in OPEN:
        raise Refused("invalid", "open is true or false.")
    now_open = Grant.objects.open().values("pk")
    return rows.filter(pk__in=now_open) if OPEN[text] else rows.exclude(pk__in=now_open)
