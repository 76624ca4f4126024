"""Tools and their versions: what agents may ask for."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.connections.models import Connection
from gateway.lib.rows import EnvironmentRow, Row


class SideEffect(models.TextChoices):
    """What a tool does to the world."""

    READ = "read", _("Read")
    WRITE = "write", _("Write")
    DESTRUCTIVE = "destructive", _("Destructive")


class RetryClass(models.TextChoices):
    """Whether a call may be repeated."""

    SAFE = "safe", _("Safe to repeat")
    IDEMPOTENT = "idempotent", _("Safe to repeat with the same key")
    UNSAFE = "unsafe", _("Never repeated")


class Risk(models.TextChoices):
    """How much harm a wrong call does."""

    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")
    CRITICAL = "critical", _("Critical")


class Tool(EnvironmentRow):
    """A named operation; its definition is versioned."""

    PREFIX = "tol"

    name = models.CharField(max_length=80)
    is_enabled = models.BooleanField(default=True)
    current = models.ForeignKey(
        "ToolVersion", on_delete=models.PROTECT, null=True, related_name="+"
    )
    archived_at = models.DateTimeField(null=True, blank=True)
    drifted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when its upstream describes it otherwise than was accepted; nothing of "
        "it is decided or carried out meanwhile.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="tools_name")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ToolVersion(Row):
    """One immutable definition of a tool."""

    PREFIX = "tov"

    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    description = models.TextField(blank=True)
    input_schema = models.JSONField()
    output_schema = models.JSONField(null=True, blank=True)
    side_effect = models.CharField(max_length=20, choices=SideEffect.choices)
    retry_class = models.CharField(max_length=20, choices=RetryClass.choices)
    risk = models.CharField(
        max_length=20, choices=Risk.choices, blank=True, help_text="Empty in a draft."
    )
    connector = models.CharField(max_length=40)
    operation = models.CharField(max_length=80)
    config = models.JSONField(default=dict)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    effect = models.TextField(blank=True)
    affected = models.TextField(blank=True, help_text="CEL that yields kind:id texts.")
    preview = models.JSONField(null=True, blank=True)
    material = models.JSONField(default=list, help_text="Paths of the preview that must not move.")
    sensitive = models.JSONField(default=list, help_text="Paths of arguments that are masked.")
    compensate = models.JSONField(null=True, blank=True, help_text="The operation that undoes it.")
    reviewers = models.JSONField(default=list, help_text="Who decides where no rule names anybody.")
    definition_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tool", "number"], name="tools_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.tool.name} v{self.number}"

    def facts(self) -> dict[str, Any]:
        """What a policy rule sees of the tool."""
        return {
            "name": self.tool.name,
            "side_effect": self.side_effect,
            "retry_class": self.retry_class,
            "risk": self.risk,
            "connector": self.connector,
            "operation": self.operation,
            "version": self.number,
            "region": self.connection.region if self.connection else "",
        }


class Upstream(EnvironmentRow):
    """A document that tools were imported from, as it was last read."""

    PREFIX = "ups"

    class Kind(models.TextChoices):
        OPENAPI = "openapi", _("OpenAPI document")
        MCP = "mcp", _("MCP server's tool list")

    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.SlugField(max_length=40)
    title = models.CharField(max_length=200, blank=True)
    document_sha256 = models.CharField(max_length=64)
    imported_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="tools_upstream_name")
        ]

    def __str__(self) -> str:
        return self.name


class Pin(Row):
    """What an upstream said of one tool: as it was accepted, and as it was last seen."""

    PREFIX = "pin"

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="pins")
    key = models.CharField(max_length=300, help_text="The operation's name in the document.")
    tool = models.OneToOneField(Tool, on_delete=models.PROTECT, related_name="pin")
    accepted = models.JSONField(help_text="The part of a tool's definition that comes from there.")
    accepted_sha256 = models.CharField(max_length=64)
    seen = models.JSONField(null=True, help_text="Null where the document no longer has it.")
    seen_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["upstream", "key"], name="tools_pin_key")]

    def __str__(self) -> str:
        return f"{self.upstream.name}: {self.key}"
