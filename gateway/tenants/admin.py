"""Read-only pages of tenants, people and keys."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from gateway.lib.admin import ReadOnlyAdmin
from gateway.tenants.models import (
    ApiKey,
    Environment,
    Group,
    Invitation,
    Member,
    MemberRole,
    SubjectKey,
    Tenant,
    User,
)


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "pk"
    list_display = ("slug", "name", "time_zone", "created_at")
    search_fields = ("slug", "name")


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    within = "pk"
    list_display = ("tenant", "slug", "name", "kind")
    list_select_related = ("tenant",)
    list_filter = ("kind",)
    search_fields = ("slug", "name")

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """With the tenant, which every name of an environment begins with."""
        return super().get_queryset(request).select_related("tenant")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "memberships__tenant"
    list_display = ("email", "name", "is_active", "last_login")
    list_filter = ("is_active",)
    search_fields = ("email", "name")


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "tenant"
    list_display = ("tenant", "user", "deactivated_at", "created_at")
    list_select_related = ("tenant", "user")
    search_fields = ("user__email", "user__name")


@admin.register(MemberRole)
class MemberRoleAdmin(ReadOnlyAdmin):
    list_display = ("member", "environment", "role", "created_at")
    list_select_related = ("member__user", "environment__tenant")
    list_filter = ("role",)
    search_fields = ("member__user__email", "member__user__name")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "tenant"
    list_display = ("tenant", "slug", "name")
    list_select_related = ("tenant",)
    search_fields = ("slug", "name")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "name", "prefix", "environment", "member", "made_by", "expires_at", "revoked_at",
        "last_used_at",
    )  # fmt: skip
    list_select_related = ("environment__tenant", "member__user", "made_by")
    search_fields = ("name", "prefix")
    hidden = ("digest",)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "tenant"
    list_display = ("tenant", "email", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("tenant",)
    search_fields = ("email",)
    hidden = ("digest",)


@admin.register(SubjectKey)
class SubjectKeyAdmin(ReadOnlyAdmin):
    within, of_tenant = "", "tenant"
    list_display = ("tenant", "created_at", "erased_at")
    list_select_related = ("tenant",)
    hidden = ("mark",)
