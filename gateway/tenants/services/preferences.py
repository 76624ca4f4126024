"""How a person likes the desk."""

from typing import Any

from django.db import transaction

from audit.actions import AuditAction
from gateway.tenants.models import User
from gateway.tenants.services import sessions

FIELDS = frozenset(
    {"theme", "density", "diff_mode", "time_zone", "language", "has_shortcuts", "keys"}
)


@transaction.atomic
def change_preferences(user: User, **wanted: Any) -> None:
    """Set these; what is not given stays. Raises ValueError for what is no preference."""
    if unknown := set(wanted) - FIELDS:
        raise ValueError(f"no preferences: {sorted(unknown)}")
    held = User.objects.select_for_update().get(pk=user.pk)
    changes = {
        name: [getattr(held, name), value]
        for name, value in sorted(wanted.items())
        if getattr(held, name) != value
    }
    if not changes:
        return
    User.objects.filter(pk=user.pk).update(**{name: new for name, (_, new) in changes.items()})
    sessions.record_of(AuditAction.PREFERENCES_CHANGED, user, changes=changes)
