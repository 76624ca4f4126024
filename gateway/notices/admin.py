"""Read-only pages of preferences, chats, linked accounts and notices."""

from django.contrib import admin

from gateway.lib.admin import ReadOnlyAdmin
from gateway.notices.models import Browser, Chat, ChatIdentity, LinkCode, Notice, Preference


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    list_display = ("member", "environment", "digest", "quiet_from", "quiet_until")
    list_select_related = ("environment__tenant", "member__user")


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    list_display = ("kind", "environment", "room", "has_buttons", "is_enabled", "heard_at")
    list_select_related = ("environment__tenant",)
    list_filter = ("kind", "is_enabled")


@admin.register(ChatIdentity)
class ChatIdentityAdmin(ReadOnlyAdmin):
    list_display = ("member", "environment", "chat", "account", "created_at", "unlinked_at")
    list_select_related = ("environment__tenant", "member__user", "chat")


@admin.register(Browser)
class BrowserAdmin(ReadOnlyAdmin):
    list_display = ("member", "environment", "service", "created_at", "used_at", "removed_at")
    list_select_related = ("environment__tenant", "member__user")


@admin.register(LinkCode)
class LinkCodeAdmin(ReadOnlyAdmin):
    list_display = ("member", "environment", "chat", "created_at", "expires_at", "used_at")
    list_select_related = ("environment__tenant", "member__user", "chat")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("action", "environment", "occasion", "medium", "status", "attempts", "sent_at")
    list_select_related = ("environment__tenant", "action")
    list_filter = ("status", "medium", "occasion")
