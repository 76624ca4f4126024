"""Delegations: who decides for whom while they are away."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.models import Delegation
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

DELEGATE = "approvals.delegate_decision"


class DelegationIn(StrictFields):
    """A substitute for oneself, by id or address; `scope` is one own role or group."""

    substitute = serializers.CharField(max_length=254)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    scope = serializers.CharField(max_length=80, required=False, allow_blank=True)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class DelegationOut(serializers.Serializer[Delegation]):
    """Who decides for whom, and when."""

    id = serializers.CharField(source="public_id")
    delegator = serializers.CharField(source="delegator.public_id")
    substitute = serializers.CharField(source="substitute.public_id")
    scope = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    note = serializers.CharField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class DelegationViews(EnvironmentViews[Delegation]):
    """All of the environment, so that everybody who decides knows who stands in for whom."""

    queryset = Delegation.objects.select_related("environment__tenant", "delegator", "substitute")
    serializer_class = DelegationOut
    permissions: ClassVar[dict[str, str]] = {
        "list": DELEGATE,
        "retrieve": DELEGATE,
        "create": DELEGATE,
        "revoke": DELEGATE,
    }

    @extend_schema(request=DelegationIn, responses={201: DelegationOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Name a substitute for oneself."""
        by, body = caller(request), checked(DelegationIn, request)
        made = services.delegate(environment=by.environment, by=by, **body)
        return Response(DelegationOut(made).data, status=201)

    @extend_schema(request=None, responses=DelegationOut)
    @route(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:
        """End it now: either of the two, or an admin."""
        ended = services.revoke_delegation(delegation=self.get_object(), by=caller(request))
        return Response(DelegationOut(ended).data)
