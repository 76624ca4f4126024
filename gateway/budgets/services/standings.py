"""Which budgets a use falls under, how each stands now, and whether there is room."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.db.models import F, FilteredRelation, Q
from django.utils import timezone

from gateway.budgets import amounts, periods, scopes
from gateway.budgets.amounts import AmountError
from gateway.budgets.models import Budget, Counter
from gateway.budgets.periods import Window
from gateway.budgets.scopes import Subjects
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment

CHARGE_VARIABLES = ("args", "tool")
# The one cap of an agent that is a budget of its own; it has no row but the counter.
CAP = "calls_per_minute"
EXCEEDED, TOO_FAST, UNREADABLE = "budget_exceeded", "rate_limited", "amount_unreadable"
Calls = Mapping[str, Any]


class Exceeded(Refused):
    """There is no room for this; `extra` says which limit, how it stands, and when it renews."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One budget as it stands for one use: what is taken, and what this use would add.

    `budget` is unsaved where the limit is the agent's own cap. `error` says why the amount of a
    call could not be told; no call passes then.
    """

    budget: Budget
    subject: str
    window: Window
    used: int = 0
    reserved: int = 0
    amount: int = 0
    counter: Any = None
    error: str = ""

    @property
    def is_cap(self) -> bool:
        """Whether this is the agent's own cap."""
        return self.budget._state.adding

    @property
    def remaining(self) -> int:
        """What may still be taken; never below zero."""
        return max(0, self.budget.limit - self.used - self.reserved)

    @property
    def has_room(self) -> bool:
        """Whether the use fits; what is only reported later needs some room left."""
        if self.budget.kind in amounts.REPORTED:
            return self.remaining > 0
        return not self.error and self.amount <= self.remaining

    @property
    def as_counter(self) -> Counter:
        """The counter as it would be read, also where there is none yet; never to be saved."""
        return Counter(
            subject=self.subject, window=self.window.key, ends_at=self.window.ends_at,
            used=self.used, reserved=self.reserved,
        )  # fmt: skip

    def shown(self, amount: int) -> str:
        """An amount in the budget's unit."""
        return amounts.shown(amount, kind=self.budget.kind, currency=self.budget.currency)


def look(
    environment: Environment,
    used_by: Subjects,
    *,
    charge: Calls | None = None,
    calls_per_minute: int | None = None,
    rates: Literal["all", "none", "only"] = "all",
) -> list[Standing]:
    """Every limit that a use falls under: one query, and one more where the agent has a cap.

    `charge` holds a call's `args` and `tool` for the expressions of money; without it nothing is
    charged. `rates` leaves out the limits of speed, or all others.
    """
    now, zone = timezone.now(), environment.tenant.time_zone
    windows = periods.windows(now=now, time_zone=zone, run=used_by.run)
    found = [_charged(standing, charge) for standing in _of_budgets(environment, used_by, windows)]
    if calls_per_minute is not None:
        found.append(_charged(_of_cap(environment, used_by, windows, calls_per_minute), charge))
    wanted = {"all": (True, False), "none": (False,), "only": (True,)}[rates]
    return [standing for standing in found if standing.budget.is_rate in wanted]


def _of_budgets(
    environment: Environment, used_by: Subjects, windows: Mapping[str, Window]
) -> Iterable[Standing]:
    subjects = [name for kind in scopes.SCOPES if (name := used_by.of(kind))]
    keys = [window.key for window in windows.values()]
    now = Q(counters__subject__in=subjects, counters__window__in=keys)
    rows = (
        Budget.objects.in_force(environment)
        .select_related("environment__tenant")
        .annotate(now=FilteredRelation("counters", condition=now))
        .annotate(counter=F("now__id"), used=F("now__used"), reserved=F("now__reserved"))
        .order_by("pk")
    )
    for row in rows:
        subject = scopes.subject(row.scoped_to, used_by)
        if subject is not None and row.period in windows:
            yield Standing(
                budget=row, subject=subject, window=windows[row.period], counter=row.counter,
                used=row.used or 0, reserved=row.reserved or 0,
            )  # fmt: skip


def _of_cap(
    environment: Environment, used_by: Subjects, windows: Mapping[str, Window], limit: int
) -> Standing:
    budget = Budget(
        environment=environment, name=CAP, scope="agent", value=used_by.agent, kind="calls",
        limit=limit, period=periods.RATE,
    )  # fmt: skip
    standing = Standing(budget=budget, subject=f"agent:{used_by.agent}", window=windows["minute"])
    row = Counter.objects.filter(
        environment=environment, budget=None, subject=standing.subject, window=standing.window.key
    ).first()
    return replace(standing, counter=row.pk, used=row.used) if row else standing


def _charged(standing: Standing, charge: Calls | None) -> Standing:
    """With what one call adds; money is what the budget's expression makes of the arguments."""
    budget = standing.budget
    if charge is None or budget.kind in amounts.REPORTED:
        return standing
    if budget.kind == "calls":
        return replace(standing, amount=1)
    try:
        value = compile_expression(budget.amount, CHARGE_VARIABLES).evaluate(charge)
        return replace(standing, amount=amounts.charge(value, currency=budget.currency))
    except (CelError, CelRuntimeError, AmountError) as error:
        return replace(standing, error=str(error))


def refusal(standing: Standing) -> Exceeded:
    """Why the use does not fit, in words and in fields."""
    budget, ends = standing.budget, standing.window.ends_at
    wait = max(1, round((ends - timezone.now()).total_seconds())) if ends else None
    state = {
        "budget": budget.name,
        "scope": str(budget.scoped_to),
        "kind": budget.kind,
        "period": budget.period,
        "limit": budget.limit,
        "used": standing.used,
        "reserved": standing.reserved,
        "amount": standing.amount,
        "currency": budget.currency or None,
        "resets_at": ends.isoformat() if ends else None,
        "retry_after_s": wait,
    }
    code = UNREADABLE if standing.error else TOO_FAST if budget.is_rate else EXCEEDED
    return Exceeded(code, _sentence(standing, wait), **state)


def _sentence(standing: Standing, wait: int | None) -> str:
    budget, ends = standing.budget, standing.window.ends_at
    if standing.error:
        return f"Budget {budget.name} cannot tell what this call costs: {standing.error}."
    if budget.is_rate:
        allowed = f"{_whose(standing)} may make {standing.shown(budget.limit)} a minute"
        return f"{allowed} ({budget.name}): try again in {wait} s."
    taken = standing.shown(standing.used + standing.reserved)
    need = f", and this needs {standing.shown(standing.amount)}" if standing.amount else ""
    renewed = f"It is renewed at {ends:%Y-%m-%d %H:%M} UTC." if ends else "It is not renewed."
    limit = standing.shown(budget.limit)
    return f"Budget {budget.name} has no room: {taken} of {limit} are taken{need}. {renewed}"


def _whose(standing: Standing) -> str:
    kind, _, name = standing.subject.partition(":")
    if kind in scopes.TAGS:
        return "This project" if kind == "project_id" else "This user"
    return f"{kind.capitalize()} {name}" if name else f"This {kind}"


def short_of(standings: Iterable[Standing]) -> list[Standing]:
    """Those without room for the use."""
    return [standing for standing in standings if not standing.has_room]


def as_facts(standings: Iterable[Standing]) -> dict[str, dict[str, Any]]:
    """What a policy rule sees: by name the limit, what is taken of it, and the ratio of both.

    An environment's own budget hides one of the whole tenant of the same name.
    """
    found: dict[str, dict[str, Any]] = {}
    for standing in sorted(standings, key=lambda one: one.budget.scope != "tenant"):
        taken, limit = standing.used + standing.reserved, standing.budget.limit
        found[standing.budget.name] = {
            "limit": limit,
            "used": standing.used,
            "reserved": standing.reserved,
            "remaining": standing.remaining,
            "ratio": round(taken / limit, 4) if limit else 1.0,
        }
    return found
