"""Break-glass decisions: what one person decided alone, and the review of it."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.models import BreakGlass
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller


class ReviewIn(StrictFields):
    """What another admin or an auditor thinks of it."""

    finding = serializers.ChoiceField(choices=BreakGlass.Finding.choices)
    comment = serializers.CharField(max_length=2000)


class BreakGlassOut(serializers.Serializer[BreakGlass]):
    """One decision without the others that a rule asks for."""

    id = serializers.CharField(source="public_id")
    action = serializers.CharField(source="action.public_id")
    by = serializers.CharField(source="user.public_id")
    reason = serializers.CharField()
    asked_for = serializers.CharField(help_text="Whom the rule asked for.")
    created_at = serializers.DateTimeField()
    finding = serializers.CharField(help_text="Empty until it is reviewed.")
    reviewed_by = serializers.CharField(source="reviewed_by.public_id", default=None)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    review_comment = serializers.CharField()


class BreakGlassViews(EnvironmentViews[BreakGlass]):
    """Made by `POST actions/{id}/break-glass`; while one is not reviewed there is no other."""

    queryset = BreakGlass.objects.select_related(
        "action", "user", "reviewed_by", "environment__tenant"
    )
    serializer_class = BreakGlassOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_break_glass",
        "retrieve": "approvals.view_break_glass",
        "review": "approvals.review_break_glass",
    }

    @extend_schema(request=ReviewIn, responses=BreakGlassOut)
    @route(detail=True, methods=["post"])
    def review(self, request: Request, id: str) -> Response:
        """Say whether it was justified; never by whoever did it."""
        body = checked(ReviewIn, request)
        found = services.review_break_glass(emergency=self.get_object(), by=caller(request), **body)
        return Response(BreakGlassOut(found).data)
