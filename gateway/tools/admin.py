"""Read-only pages of tools and their versions."""

from django.contrib import admin

from gateway.lib.admin import ReadOnlyAdmin
from gateway.tools.models import Pin, Tool, ToolVersion, Upstream


@admin.register(Tool)
class ToolAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "current", "is_enabled", "archived_at")
    list_select_related = ("environment__tenant", "current__tool")
    list_filter = ("is_enabled",)
    search_fields = ("name",)


@admin.register(ToolVersion)
class ToolVersionAdmin(ReadOnlyAdmin):
    within = "tool__environment"
    list_display = ("tool", "number", "side_effect", "retry_class", "risk", "connector")
    list_select_related = ("tool",)
    list_filter = ("side_effect", "retry_class", "risk")
    search_fields = ("tool__name", "connector")


@admin.register(Upstream)
class UpstreamAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "kind", "title", "imported_at")
    list_select_related = ("environment__tenant",)
    list_filter = ("kind",)
    search_fields = ("name", "title")


@admin.register(Pin)
class PinAdmin(ReadOnlyAdmin):
    within = "upstream__environment"
    list_display = ("key", "upstream", "tool", "accepted_sha256", "seen_sha256")
    list_select_related = ("upstream", "tool")
    search_fields = ("key", "tool__name")
