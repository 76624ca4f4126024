"""Sources, their secrets and their routes."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gateway.agents.models import Agent, Provider
from gateway.lib.rows import EnvironmentRow, Row
from gateway.tenants.models import User
from webhooks.schemes.base import Scheme
from webhooks.schemes.catalogue import CHOICES, scheme_of

ADDRESS_LENGTH = 100


def new_verify_token() -> str:
    """A random text that a provider is given to prove that it asks about this source."""
    return secrets.token_urlsafe(24)


def scheme_choices() -> list[tuple[str, str]]:
    """Names and titles of the schemes; asked for, so that a new scheme needs no migration."""
    return CHOICES


class Source(EnvironmentRow):
    """A configured place that webhooks come in.

    Every change of a source, its secrets or its routes raises `version`: that is how the processes
    that receive notice it.
    """

    PREFIX = "src"

    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=ADDRESS_LENGTH, unique=True)
    scheme = models.CharField(max_length=40, choices=scheme_choices)
    settings = models.JSONField(default=dict)
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="sources"
    )
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    archived_at = models.DateTimeField(null=True, blank=True)
    last_event_at = models.DateTimeField(null=True, blank=True)
    # What a provider must show when it asks whether somebody is there; no secret of the intake.
    verify_token = models.CharField(max_length=40, default=new_verify_token)
    # Since when it is quieter than usual, once that was told.
    silent_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="source_slug"),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    @property
    def url(self) -> str:
        """Where providers send to."""
        return f"{settings.PUBLIC_URL}/webhooks/{self.address}"

    @property
    def is_silent(self) -> bool:
        """Whether it is quieter than usual; the next event ends that at once."""
        if self.silent_since is None or not self.is_enabled:
            return False
        return self.last_event_at is None or self.last_event_at <= self.silent_since

    @property
    def rules(self) -> Scheme:
        """How its provider signs."""
        return scheme_of(self.scheme, self.settings)

    @property
    def signed_url(self) -> str:
        """The address as its provider knows it, for schemes that sign it."""
        return str(self.settings.get("public_url") or self.url)


class Secret(Row):
    """One signing secret of a source, with the time in which it counts."""

    PREFIX = "sec"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="secrets")
    sealed = models.TextField()
    fingerprint = models.CharField(max_length=16)
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.fingerprint

    def place(self, source: Source) -> dict[str, str]:
        """Where the sealed value belongs, and only there opens."""
        return {
            "table": "webhooks_secret",
            "row": str(self.pk),
            "field": "sealed",
            "tenant": str(source.environment.tenant_id),
        }

    def is_live(self, now: datetime) -> bool:
        """Whether a signature made with it counts at this time."""
        is_begun = self.not_before is None or self.not_before <= now
        return is_begun and (self.not_after is None or now < self.not_after)


class Effect(models.TextChoices):
    """What a route makes of an event."""

    RUN = "run", _("Feed a run")
    START_RUN = "start_run", _("Start a run")
    ACTION = "action", _("Propose an action")
    RECORD = "record", _("Only record")


class Route(Row):
    """Which events lead to what: the first whose filter holds decides."""

    PREFIX = "rte"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="routes")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    when = models.TextField(default="true", help_text="CEL over event, headers, body.")
    effect = models.CharField(max_length=20, choices=Effect.choices)
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="routes"
    )
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="routes"
    )
    tool = models.CharField(max_length=80, blank=True)
    arguments = models.JSONField(default=dict, help_text="Name to CEL.")
    edited_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["source", "position"], name="route_position"),
            models.CheckConstraint(name="route_effect", condition=Q(effect__in=Effect.values)),
        ]

    def __str__(self) -> str:
        return self.name
