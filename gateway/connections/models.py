"""Services reached with a sealed credential; its value never leaves `services.reveal`."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.connections.kinds import KINDS, Kind
from gateway.lib.rows import EnvironmentRow, Row


class Connection(EnvironmentRow):
    """A service and how to authenticate there. `revision` is raised by people's edits only."""

    PREFIX = "con"

    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(
        max_length=40, choices=[(kind.name, _(kind.title)) for kind in KINDS.values()]
    )
    config = models.JSONField(default=dict, help_text="What is not secret: user name, header name.")
    limits = models.JSONField(default=dict, help_text="Where they differ from the defaults.")
    region = models.CharField(
        max_length=40, blank=True, help_text="Where the service is, as policies name it: `eu`."
    )
    sealed = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=16, blank=True)
    revision = models.PositiveIntegerField(default=1)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotate_after_days = models.PositiveSmallIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When the service takes the value no longer."
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    check_error = models.TextField(blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="connections_slug")
        ]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def rules(self) -> Kind:
        """Its kind, with what that asks for."""
        return KINDS[self.kind]

    @property
    def value_since(self) -> datetime:
        """Since when its value is in use: it is as old as this."""
        return self.rotated_at or self.created_at

    @property
    def rotate_at(self) -> datetime | None:
        """When it ought to get a new value; None where nobody asked to be reminded."""
        days = self.rotate_after_days
        return self.value_since + timedelta(days=days) if days else None


class Token(Row):
    """What a service issued for a connection: kept until shortly before it expires.

    `refresh_at` is when a new one is asked for; null where it never expires, or where only a person
    can help (`is_refused`). One caller at a time asks: it holds the lease, and `attempts` is its
    fencing token.
    """

    PREFIX = "tok"

    connection = models.OneToOneField(Connection, on_delete=models.PROTECT, related_name="token")
    sealed_access = models.TextField(blank=True)
    sealed_refresh = models.TextField(blank=True)
    scopes = models.TextField(blank=True, help_text="As the service granted them.")
    obtained_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    refresh_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    is_refused = models.BooleanField(default=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"token of {self.connection_id}"
