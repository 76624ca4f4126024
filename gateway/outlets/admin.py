"""The read-only page of outlets: a tenant's own, and the deployment's for superusers."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from gateway.lib.admin import ReadOnlyAdmin, plain
from gateway.outlets.models import Outlet


@admin.register(Outlet)
class OutletAdmin(ReadOnlyAdmin):
    """Where each log goes, how far it is and why it is not further; sending is done on the desk."""

    list_display = ("kind", "log", "is_open", "position", "failures", "reason", "delivered_at")
    list_filter = ("kind", "is_open")
    # What may hold a token; `place` says where without it.
    hidden: ClassVar[tuple[str, ...]] = ("address",)

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """Those of the person's tenants; a superuser's are all."""
        rows: QuerySet[Any] = Outlet.objects.all()
        if request.user.is_superuser:
            return rows
        return rows.filter(log__in={scope.tenant for scope in request.user.audit_scopes})

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """And where it goes."""
        return [*super().get_list_display(request), _place]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """And where it goes."""
        return [*super().get_fields(request, obj), _place]


@admin.display(description="where")
def _place(row: Any) -> str:
    return plain(row.place)
