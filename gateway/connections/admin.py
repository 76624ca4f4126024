"""Read-only page of connections, without what is sealed."""

from django.contrib import admin

from gateway.connections.models import Connection, Token
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("slug", "environment", "kind", "fingerprint", "revision", "last_used_at")
    list_select_related = ("environment__tenant",)
    list_filter = ("kind",)
    search_fields = ("slug", "name")


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    within = "connection__environment"
    list_display = ("connection", "obtained_at", "expires_at", "failed_at", "is_refused")
    list_select_related = ("connection__environment__tenant",)
    list_filter = ("is_refused",)
    search_fields = ("connection__slug",)
