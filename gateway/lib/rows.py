"""Abstract bases of every table: the public id, and the environment that scopes a row."""

import uuid
from typing import Any, ClassVar, Self

from django.db import models

from gateway.lib import ids


class ScopedQuerySet(models.QuerySet[Any]):
    """A queryset that knows environments and public ids."""

    def within(self, environment: Any) -> Self:
        """Only the rows of this environment."""
        return self.filter(environment=environment)

    def public(self, text: str) -> Self:
        """The row with this public id; none for a malformed id, so that both look alike."""
        try:
            return self.filter(pk=ids.decode(self.model.PREFIX, text))
        except ids.BadId:
            return self.none()


class Row(models.Model):
    """A table whose key is a UUIDv7, shown outside as `prefix_…`."""

    PREFIX: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    # Any: the plugin cannot follow a manager made from a queryset through abstract bases.
    objects: ClassVar[Any] = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """The id as everybody outside sees it."""
        return ids.encode(self.PREFIX, self.id)


class EnvironmentRow(Row):
    """A row that belongs to exactly one environment of one tenant."""

    environment = models.ForeignKey(
        "tenants.Environment", on_delete=models.PROTECT, related_name="+"
    )
    environment_id: uuid.UUID

    class Meta(Row.Meta):
        abstract = True
