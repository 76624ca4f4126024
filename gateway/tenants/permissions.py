"""The default permission of the API: each view declares what each of its methods needs."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gateway.lib.errors import Denied
from gateway.tenants.principals import Principal


class HasScope(BasePermission):
    """Asks the principal for the permission in the view's `permissions`, by action or method.

    A method that the view does not name is a program error and stays closed.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """False for strangers (401); raises Denied naming the permission that is missing."""
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        name = getattr(view, "action", None) or str(request.method).lower()
        if not hasattr(view, name) or name in {"options", "metadata"}:
            return True  # nothing is behind it: the framework answers 405, or describes the view
        needed = view.permissions[name]
        if not principal.has(needed):
            raise Denied(
                "not_permitted",
                f"This needs the permission {needed}, which you do not have here.",
                permission=needed,
            )
        return True
