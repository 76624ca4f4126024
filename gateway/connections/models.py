"""Services reached with a sealed credential; its value never leaves `services.reveal`."""

from django.db import models

from gateway.lib.rows import EnvironmentRow


class Connection(EnvironmentRow):
    """A service and how to authenticate there. `revision` is raised by people's edits only."""

    PREFIX = "con"

    class Kind(models.TextChoices):
        BEARER = "bearer", "Bearer token"
        BASIC = "basic", "User name and password"
        HEADER = "header", "Header"

    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=40, choices=Kind.choices)
    config = models.JSONField(default=dict, help_text="What is not secret: user name, header name.")
    region = models.CharField(
        max_length=40, blank=True, help_text="Where the service is, as policies name it: `eu`."
    )
    sealed = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=16, blank=True)
    revision = models.PositiveIntegerField(default=1)
    last_used_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="connections_slug")
        ]

    def __str__(self) -> str:
        return self.slug
