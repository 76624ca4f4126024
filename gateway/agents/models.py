"""Agents, and the providers that run them."""

from typing import Any

from django.db import models

from gateway.lib import ids
from gateway.lib.rows import EnvironmentRow
from gateway.tenants.models import Member

EVERY_TOOL = "*"


class Provider(EnvironmentRow):
    """A configured service that runs agents."""

    PREFIX = "prv"

    slug = models.SlugField(max_length=40)
    adapter = models.CharField(max_length=40)
    base_url = models.URLField(max_length=300)
    sealed_api_key = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=16, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="agents_provider_slug")
        ]

    def __str__(self) -> str:
        return self.slug


class Agent(EnvironmentRow):
    """A named machine identity: who owns it, what it may ask for, and whether it is on."""

    PREFIX = "agt"

    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    owner = models.ForeignKey(
        Member, on_delete=models.PROTECT, null=True, blank=True, related_name="agents"
    )
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="agents"
    )
    fallback_provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    tools = models.JSONField(default=list, help_text="[{name, scope?}]; name * means every tool.")
    caps = models.JSONField(default=dict)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "slug"], name="agents_slug")]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def grant_for(self, tool: str) -> dict[str, Any] | None:
        """The agent's entry for this tool, or None when it may not use it."""
        exact = next((entry for entry in self.tools if entry["name"] == tool), None)
        every = next((entry for entry in self.tools if entry["name"] == EVERY_TOOL), None)
        return exact or every

    def facts(self) -> dict[str, Any]:
        """What a policy rule sees of the agent."""
        return {
            "slug": self.slug,
            "name": self.name,
            "id": self.public_id,
            "version": self.version,
            "owner": ids.encode(Member.PREFIX, self.owner_id) if self.owner_id else "",
            "caps": self.caps,
        }
