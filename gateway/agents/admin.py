"""Read-only pages of agents and providers."""

from django.contrib import admin

from gateway.agents.models import Agent, Provider
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "environment", "owner", "provider", "is_enabled")
    list_select_related = ("environment__tenant", "owner__user", "provider")
    list_filter = ("is_enabled",)
    search_fields = ("slug", "name")


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    list_display = ("slug", "environment", "adapter", "base_url", "fingerprint", "archived_at")
    list_select_related = ("environment__tenant",)
    search_fields = ("slug", "base_url")
