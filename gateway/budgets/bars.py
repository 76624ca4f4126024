"""A budget as a page draws it: what is used, what is reserved, where it warns, what is left."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.budgets import amounts, periods
from gateway.budgets.models import Budget, Counter

# Whose use a scope counts, inside a sentence.
WHOSE = {
    "tenant": _("the whole tenant"),
    "environment": _("this environment"),
    "agent": _("agent"),
    "run": _("each run"),
    "tool": _("tool"),
    "project_id": _("project"),
    "user_id": _("user"),
}


@dataclass(frozen=True)
class Bar:
    """One budget with one of its counters, or with none while nothing was taken."""

    budget: Budget
    counter: Counter | None = None

    @property
    def used(self) -> int:
        """What is used up."""
        return self.counter.used if self.counter else 0

    @property
    def reserved(self) -> int:
        """What approved actions have set aside."""
        return self.counter.reserved if self.counter else 0

    @property
    def used_share(self) -> float:
        """The used part of the bar, in percent of its width."""
        return self._share(self.used)

    @property
    def reserved_share(self) -> float:
        """The reserved part, which follows the used one; both together never leave the bar."""
        return min(self._share(self.reserved), 100 - self.used_share)

    @property
    def alert_share(self) -> float:
        """Where the mark of the alert stands."""
        return round(100 * self.budget.alert_at, 1)

    @property
    def percent(self) -> int:
        """How much of the limit is taken; above 100 where reports came late."""
        taken, limit = self.used + self.reserved, self.budget.limit
        return int(100 * taken / limit) if limit else 100

    @property
    def tone(self) -> str:
        """`ok`, `warn` from the alert on, `bad` at the limit."""
        if self.used + self.reserved >= self.budget.limit:
            return "bad"
        return "warn" if self.percent >= 100 * self.budget.alert_at else "ok"

    @property
    def says(self) -> str:
        """All numbers as a sentence, for those who do not see the bar."""
        aside = (
            gettext(", {shown} reserved").format(shown=self.shown(self.reserved))
            if self.reserved
            else ""
        )
        return gettext("{shown} used{aside}, of {limit}").format(
            shown=self.shown(self.used), aside=aside, limit=self.limit
        )

    @property
    def limit(self) -> str:
        """The limit in its unit."""
        return self.shown(self.budget.limit)

    @property
    def left(self) -> str:
        """What may still be taken."""
        return self.shown(max(0, self.budget.limit - self.used - self.reserved))

    @property
    def used_text(self) -> str:
        """What is used, in its unit."""
        return self.shown(self.used)

    @property
    def reserved_text(self) -> str:
        """What is reserved, in its unit."""
        return self.shown(self.reserved)

    @property
    def renews_at(self) -> datetime | None:
        """When the counter's window ends; None where it never does."""
        return self.counter.ends_at if self.counter else None

    @property
    def subject(self) -> str:
        """Whose counter it is, where the budget has several."""
        return self.counter.subject.partition(":")[2] if self.counter else ""

    @property
    def whose(self) -> str:
        """Whose use is counted, in words."""
        kind, value = self.budget.scope, self.budget.value
        if value:
            return f"{WHOSE[kind]} {value}"
        each = {"agent": gettext("each agent"), "tool": gettext("each tool")}
        tags = {"project_id": gettext("each project"), "user_id": gettext("each user")}
        return (each | tags).get(kind, str(WHOSE[kind]))

    @property
    def per(self) -> str:
        """The period, in words."""
        return gettext(periods.PERIODS[self.budget.period])

    def shown(self, amount: int) -> str:
        """An amount in the budget's unit."""
        return amounts.shown(amount, kind=self.budget.kind, currency=self.budget.currency)

    def _share(self, amount: int) -> float:
        limit = self.budget.limit
        return round(min(100.0, 100 * amount / limit), 1) if limit else 100.0
