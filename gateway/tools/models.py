"""Tools and their versions: what agents may ask for."""

from typing import Any

from django.db import models

from gateway.connections.models import Connection
from gateway.lib.rows import EnvironmentRow, Row


class SideEffect(models.TextChoices):
    """What a tool does to the world."""

    READ = "read", "Read"
    WRITE = "write", "Write"
    DESTRUCTIVE = "destructive", "Destructive"


class RetryClass(models.TextChoices):
    """Whether a call may be repeated."""

    SAFE = "safe", "Safe to repeat"
    IDEMPOTENT = "idempotent", "Safe to repeat with the same key"
    UNSAFE = "unsafe", "Never repeated"


class Risk(models.TextChoices):
    """How much harm a wrong call does."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class Tool(EnvironmentRow):
    """A named operation; its definition is versioned."""

    PREFIX = "tol"

    name = models.CharField(max_length=80)
    is_enabled = models.BooleanField(default=True)
    current = models.ForeignKey(
        "ToolVersion", on_delete=models.PROTECT, null=True, related_name="+"
    )
    archived_at = models.DateTimeField(null=True, blank=True)

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
    risk = models.CharField(max_length=20, choices=Risk.choices)
    connector = models.CharField(max_length=40)
    operation = models.CharField(max_length=80)
    config = models.JSONField(default=dict)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    effect = models.TextField()
    affected = models.TextField(blank=True, help_text="CEL that yields kind:id texts.")
    preview = models.JSONField(null=True, blank=True)
    material = models.JSONField(default=list, help_text="Paths of the preview that must not move.")
    sensitive = models.JSONField(default=list, help_text="Paths of arguments that are masked.")
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
