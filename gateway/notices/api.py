"""The REST resource of notices: who was told of what, by what, and whether it arrived."""

from typing import ClassVar

from rest_framework import serializers

from gateway.lib.rest import EnvironmentViews
from gateway.notices.models import Notice


class NoticeOut(serializers.Serializer[Notice]):
    """One notice with its delivery; its text is not kept."""

    id = serializers.CharField(source="public_id")
    action = serializers.CharField(source="action.public_id")
    action_version = serializers.IntegerField()
    occasion = serializers.CharField()
    medium = serializers.CharField()
    member = serializers.CharField(source="member.public_id", allow_null=True, default=None)
    status = serializers.CharField()
    attempts = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()


class NoticeViews(EnvironmentViews[Notice]):
    """Notices and their deliveries, newest first."""

    queryset = Notice.objects.select_related("action", "member")
    serializer_class = NoticeOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "notices.view_notice",
        "retrieve": "notices.view_notice",
    }
