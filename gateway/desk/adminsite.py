"""The Django admin as a reading room: the project's own sign-in, and no changes anywhere."""

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from gateway.lib.labels import labels_of
from gateway.tenants.models import User


class ReadingRoom(admin.AdminSite):
    """Open to admins and auditors of a tenant, and to superusers; nobody needs `is_staff`."""

    site_header = "Countersign records"
    site_title = "Countersign records"
    index_title = "Read only"
    site_url = "/"
    # The tables are wide.
    enable_nav_sidebar = False

    def register(
        self,
        model_or_iterable: Any,
        admin_class: type[admin.ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        """Take pages that only read; any other, such as Django's own for groups, stays out."""
        if getattr(admin_class, "is_read_only", False):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person may read the audit log of at least one environment."""
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return False
        return user.is_superuser or bool(user.audited_environments)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one sign-in page of the project; who is signed in and may not enter is told so."""
        index = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated:
            raise PermissionDenied("The records are open to admins and auditors.")
        return redirect_to_login(request.GET.get("next") or index, reverse("account_login"))

    def logout(  # type: ignore[override]  # Django's own type is too narrow
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sign out the way every page does, so that it is recorded."""
        if request.method != "POST":
            return redirect("account_logout")
        get_adapter(request).logout(request)
        return redirect("account_login")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The project's own page, which records the change."""
        return redirect("account_change_password")

    def labels_of(self, public_ids: Iterable[str]) -> dict[str, str]:
        """How people call these rows now."""
        return labels_of(public_ids)
