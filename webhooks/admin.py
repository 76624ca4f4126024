"""Read-only pages of this app's models. Bodies are read on the desk only."""

from typing import Any

from django.contrib import admin

from gateway.lib.admin import ReadOnlyAdmin
from webhooks.models import Document, Event, EventOrder, Refusal, Route, Secret, Source


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "environment", "scheme", "provider", "is_enabled")
    list_select_related = ("environment__tenant", "provider")
    list_filter = ("is_enabled", "scheme")
    search_fields = ("slug", "name", "address__exact")


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    within = "source__environment"
    list_display = ("source", "fingerprint", "not_before", "not_after", "last_used_at")
    list_select_related = ("source",)
    search_fields = ("fingerprint",)


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    within = "source__environment"
    list_display = ("source", "position", "name", "effect", "agent", "provider", "tool")
    list_select_related = ("source", "agent", "provider")
    list_filter = ("effect",)
    search_fields = ("name", "tool")


class Copies(admin.SimpleListFilter):
    """Whether a provider delivered the event more than once."""

    title = "copies"
    parameter_name = "copies"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """The one choice beside all."""
        return [("yes", "Came more than once")]

    def queryset(self, request: Any, queryset: Any) -> Any:
        """The events that fit."""
        return queryset.filter(duplicates__gt=0) if self.value() == "yes" else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = (
        "received_at", "status", "source", "environment", "event_type", "event_id",
        "duplicates", "correlation_id",
    )  # fmt: skip
    list_select_related = ("environment__tenant", "source")
    list_filter = ("status", Copies)
    search_fields = ("event_id__exact", "correlation_id__exact", "event_type", "body_sha256__exact")
    date_hierarchy = "received_at"
    hidden = ("headers", "body", "created_at")


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    within = "source__environment"
    list_display = ("source", "url", "fetched_at", "due_at", "failures", "reason")
    list_select_related = ("source",)
    search_fields = ("url",)
    hidden = ("content",)


@admin.register(EventOrder)
class EventOrderAdmin(ReadOnlyAdmin):
    within = "source__environment"
    list_display = ("created_at", "source", "user", "body_sha256")
    list_select_related = ("source", "user")
    search_fields = ("body_sha256__exact",)


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin):
    within = "source__environment"
    list_display = ("hour", "source", "reason", "count", "last_at")
    list_select_related = ("source",)
    list_filter = ("reason",)
