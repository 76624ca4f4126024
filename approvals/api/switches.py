"""The kill switch: what is stopped, and stopping or going on."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.models import KillSwitch
from gateway.lib.errors import Refused
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

ON = {"true": True, "false": False}
FILTERS = [OpenApiParameter("on", bool, description="Only those that stop something now, or not.")]


class KillSwitchIn(StrictFields):
    """What to stop (`on: true`) or to let go on (`on: false`), and why."""

    scope = serializers.CharField(
        max_length=100,
        help_text="environment, agent:slug or tool:name; to let go on also the id of a switch",
    )
    on = serializers.BooleanField()
    reason = serializers.CharField(max_length=2000)


class KillSwitchOut(serializers.Serializer[KillSwitch]):
    """One time that a switch was on."""

    id = serializers.CharField(source="public_id")
    scope = serializers.CharField()
    on = serializers.BooleanField(source="is_on")
    reason = serializers.CharField()
    turned_on_by = serializers.CharField(source="turned_on_by.public_id", default=None)
    turned_on_at = serializers.DateTimeField(source="created_at")
    off_reason = serializers.CharField()
    turned_off_by = serializers.CharField(source="turned_off_by.public_id", default=None)
    turned_off_at = serializers.DateTimeField(allow_null=True)


class KillSwitchViews(EnvironmentViews[KillSwitch]):
    """While a switch is on, nothing of its scope is claimed; it cancels nothing."""

    queryset = KillSwitch.objects.select_related("turned_on_by", "turned_off_by")
    serializer_class = KillSwitchOut
    named_by = "scope"
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_action",
        "retrieve": "approvals.view_action",
        "create": "approvals.use_kill_switch",
    }

    @extend_schema(parameters=FILTERS)
    def list(self, request: Request) -> Response:
        """Newest first; those of the past with when they were turned off."""
        page = self.paginate_queryset(_narrowed(self.get_queryset(), request))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=KillSwitchIn, responses={200: KillSwitchOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Turn a kill switch on or off. Turning on what is on already changes nothing.

        Over one scope there may be one of people and one of the deployment itself, which stops
        after a backup was restored: then letting go on needs the id (409 `several_switches`).
        """
        by, body = caller(request), checked(KillSwitchIn, request)
        switch = services.set_kill_switch(by.environment, by=by, **body)
        return Response(KillSwitchOut(switch).data)


def _narrowed(rows: QuerySet[KillSwitch], request: Request) -> QuerySet[KillSwitch]:
    text: Any = request.query_params.get("on")
    if text is None:
        return rows
    if text not in ON:
        raise Refused("invalid", "on is true or false.")
    return rows.filter(turned_off_at__isnull=ON[text])
