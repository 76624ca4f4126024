"""Kill switches: what nothing may be claimed of, since when, and who said so."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext

from gateway.lib.rows import EnvironmentRow, ScopedQuerySet
from gateway.tenants.models import User

ENVIRONMENT = "environment"
AGENT, TOOL = "agent:", "tool:"


class KillSwitchQuerySet(ScopedQuerySet):
    """Kill switches as the gate asks for them."""

    def on(self) -> "KillSwitchQuerySet":
        """Those that stop something now."""
        return self.filter(turned_off_at=None)

    def of(self, environment: Any, *scopes: Any) -> "KillSwitchQuerySet":
        """Those that stop one of these scopes of an environment now."""
        return self.on().within(environment).filter(scope__in=scopes)

    def over_agent(self, environment: Any, slug: str) -> "KillSwitchQuerySet":
        """Those that stop whatever this agent would do now."""
        return self.of(environment, ENVIRONMENT, f"{AGENT}{slug}")


class KillSwitch(EnvironmentRow):
    """One time that a switch was on: nothing of its scope is claimed until it is off again.

    The rows of the past stay, so the page can say who stopped what, and why.
    """

    PREFIX = "kil"

    scope = models.CharField(max_length=100, help_text="environment, agent:slug or tool:name.")
    reason = models.TextField()
    turned_on_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="Empty where the deployment stopped itself.",
    )  # fmt: skip
    cause = models.CharField(
        max_length=200, blank=True, help_text="What made the deployment stop itself, once each."
    )
    turned_off_at = models.DateTimeField(null=True, blank=True)
    turned_off_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    off_reason = models.TextField(blank=True)

    objects: ClassVar[Any] = KillSwitchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "kill switches"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "scope", "cause"],
                name="kill_switch_on_once",
                condition=Q(turned_off_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope} {'on' if self.is_on else 'off'}"

    @property
    def is_on(self) -> bool:
        """Whether it stops its scope now."""
        return self.turned_off_at is None

    @property
    def is_over_all(self) -> bool:
        """Whether it stops everything in its environment."""
        return self.scope == ENVIRONMENT

    @property
    def stopped_by(self) -> str:
        """Who did it, in words."""
        return str(self.turned_on_by) if self.turned_on_by else gettext("Countersign itself")

    @property
    def what(self) -> str:
        """What it stops, in words."""
        kind, _, name = self.scope.partition(":")
        if not name:
            return gettext("the whole environment")
        said = gettext("agent {name}") if f"{kind}:" == AGENT else gettext("tool {name}")
        return said.format(name=name)


def is_stopped() -> Exists:
    """The condition, in a query of actions, that a kill switch is over the action."""
    agent = Q(scope=Concat(Value(AGENT), OuterRef("agent__slug")))
    tool = Q(scope=Concat(Value(TOOL), OuterRef("tool_name")))
    here = KillSwitch.objects.on().filter(environment=OuterRef("environment"))
    return Exists(here.filter(Q(scope=ENVIRONMENT) | agent | tool))
