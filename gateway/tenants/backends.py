"""Answers `user.has_perm(permission, environment)`, and nothing else does."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from gateway.tenants import principals
from gateway.tenants.models import Environment, User


class MemberBackend(ModelBackend):
    """Sign-in by e-mail and password; permissions by role in an environment."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> User | None:
        """The active person with this e-mail address and password."""
        address = (username or fields.get("email") or "").strip().lower()
        return super().authenticate(request, username=address, password=password)  # type: ignore[return-value]

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether the person's roles in the environment `obj` give this permission."""
        if not isinstance(obj, Environment):
            # Django's own checks ask without an object: only superusers pass those, elsewhere.
            return False
        if not user_obj.is_active:
            return False
        return principals.of_user(user_obj, obj).has(perm)
