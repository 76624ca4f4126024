"""Read-only pages of runs, their timeline and reports."""

from django.contrib import admin

from gateway.lib.admin import ReadOnlyAdmin
from gateway.runs.models import Feedback, Report, Run, RunEvent


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "status", "agent", "provider", "environment", "task", "correlation_id",
    )  # fmt: skip
    list_select_related = ("environment__tenant", "agent", "provider")
    list_filter = ("status", "origin")
    search_fields = ("correlation_id__exact", "provider_run_id__exact", "task")
    date_hierarchy = "created_at"


@admin.register(RunEvent)
class RunEventAdmin(ReadOnlyAdmin):
    within = "run__environment"
    list_display = ("created_at", "run", "number", "kind", "source_event")
    list_select_related = ("run",)
    search_fields = ("kind", "source_event__exact")


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    within = "run__environment"
    list_display = ("created_at", "run", "call_id", "status", "attempts", "delivered_at")
    list_select_related = ("run",)
    list_filter = ("status",)
    search_fields = ("call_id__exact",)
    # The answer holds the action's result.
    hidden = ("answer",)


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    within = "run__environment"
    list_display = ("created_at", "run", "user", "is_helpful", "said_at")
    list_select_related = ("run", "user")
    list_filter = ("is_helpful",)
    search_fields = ("note",)
