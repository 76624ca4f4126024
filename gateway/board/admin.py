"""Read-only pages of the counted hours."""

from django.contrib import admin

from gateway.board.models import Hour
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Hour)
class HourAdmin(ReadOnlyAdmin):
    list_display = ("hour", "environment", "is_sample")
    list_select_related = ("environment__tenant",)
    list_filter = ("is_sample",)
    date_hierarchy = "hour"
