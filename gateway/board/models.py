"""What was counted in each hour, so that a dashboard of a month reads a few hundred small rows."""

from typing import ClassVar

from django.db import models

from gateway.lib.rows import EnvironmentRow


class Hour(EnvironmentRow):
    """The figures of one environment in one hour that is over; an hour without any has no row.

    They are counted when the hour has ended and never change: what happens later belongs to the
    hour in which it happens. `figures` is `counting.Figures` as JSON.
    """

    PREFIX: ClassVar[str] = "hou"

    hour = models.DateTimeField(help_text="Its first moment.")
    figures = models.JSONField()
    is_sample = models.BooleanField(
        default=False, help_text="Made up for the demo, to give its charts a past."
    )

    class Meta:
        ordering = ["hour"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "hour"], name="board_hour_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M}"


class Reached(models.Model):
    """Up to which moment every hour of the deployment has been counted: one row."""

    name = models.CharField(max_length=20, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M}"
