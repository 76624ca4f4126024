"""Policies: the environment's ordered rules."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.models import Policy
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent


class PolicyIn(StrictFields):
    """A policy; the same name again gives it a new version."""

    name = serializers.CharField(max_length=120)
    position = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    comment = serializers.CharField(max_length=300)
    rules = serializers.ListField(child=serializers.DictField(), max_length=200)
    enabled = serializers.BooleanField(required=False)


class PolicyOut(serializers.Serializer[Policy]):
    """A policy with its rules, in the order in which they are asked."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    position = serializers.IntegerField()
    version = serializers.IntegerField()
    comment = serializers.CharField()
    rules = serializers.JSONField()
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = serializers.DateTimeField()


class PolicyViews(EnvironmentViews[Policy]):
    """A named part of the environment's one list of rules."""

    queryset = Policy.objects.all()
    serializer_class = PolicyOut
    named_by = "name"
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_policy",
        "retrieve": "approvals.view_policy",
        "create": "approvals.change_policy",
    }

    @extend_schema(request=PolicyIn, responses={201: PolicyOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Save a policy. A rule that does not compile is refused with the place of the fault."""
        saved = services.save_policy(caller(request).environment, **checked(PolicyIn, request))
        return Response(PolicyOut(saved).data, status=201)
