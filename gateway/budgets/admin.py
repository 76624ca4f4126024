"""Read-only pages of budgets, counters, entries and alerts."""

from django.contrib import admin

from gateway.budgets.models import Budget, BudgetAlert, Counter, UsageEntry
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "scope", "value", "kind", "limit", "period")
    list_select_related = ("environment__tenant",)
    list_filter = ("kind", "period", "scope")
    search_fields = ("name", "value")


@admin.register(Counter)
class CounterAdmin(ReadOnlyAdmin):
    list_display = ("budget", "environment", "subject", "window", "used", "reserved")
    list_select_related = ("environment__tenant", "budget")


@admin.register(UsageEntry)
class UsageEntryAdmin(ReadOnlyAdmin):
    list_display = ("ref", "environment", "counter", "amount", "status", "created_at")
    list_select_related = ("environment__tenant", "counter")
    list_filter = ("status",)
    search_fields = ("ref",)


@admin.register(BudgetAlert)
class BudgetAlertAdmin(ReadOnlyAdmin):
    list_display = ("counter", "environment", "level", "used", "reserved", "limit", "created_at")
    list_select_related = ("environment__tenant", "counter")
    list_filter = ("level",)
