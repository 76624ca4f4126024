"""Filters of the inbox that somebody wants to find again."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from gateway.lib.rows import EnvironmentRow, ScopedQuerySet
from gateway.tenants.models import User

NAME_LENGTH = 60
QUERY_LENGTH = 500


class SavedViewQuerySet(ScopedQuerySet):
    """Saved views as people look for them."""

    def seen_by(self, user: User) -> "SavedViewQuerySet":
        """Their own, and those that others share."""
        return self.filter(Q(owner=user) | Q(is_shared=True))


class SavedView(EnvironmentRow):
    """A named query of the inbox: its owner's alone, or shared with everybody here."""

    PREFIX: ClassVar[str] = "viw"

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    query = models.CharField(max_length=QUERY_LENGTH, blank=True)
    is_shared = models.BooleanField(default=False)

    objects: ClassVar[Any] = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "owner", "name"], name="view_name_once")
        ]

    def __str__(self) -> str:
        return self.name
