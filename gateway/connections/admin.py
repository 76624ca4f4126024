"""Read-only page of connections, without what is sealed."""

from django.contrib import admin

from gateway.connections.models import Connection
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("slug", "environment", "kind", "fingerprint", "revision", "last_used_at")
    list_select_related = ("environment__tenant",)
    list_filter = ("kind",)
    search_fields = ("slug", "name")
