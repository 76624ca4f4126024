"""Making, changing and archiving budgets; every part is checked before a row exists."""

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent
from gateway.budgets import amounts, periods, scopes
from gateway.budgets.models import Budget
from gateway.budgets.scopes import Scope, ScopeError
from gateway.budgets.services.standings import CHARGE_VARIABLES
from gateway.lib.cel import CelError, compile_expression
from gateway.lib.errors import Denied, Refused
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal
from gateway.tools.models import Tool

CHANGE = "budgets.change_budget"
CHANGEABLE = frozenset({"limit", "alert_at", "is_enabled", "amount"})
MAX_NAME = 60


@transaction.atomic
def create(
    environment: Environment,
    *,
    scope: str,
    kind: str,
    limit: int,
    period: str,
    by: Principal,
    name: str = "",
    currency: str = "",
    amount: str = "",
    alert_at: float = 0.8,
) -> Budget:
    """A new budget; without a name it gets one of its parts.

    `limit` is in calls, minor units, tokens or micro-USD. `amount` says in CEL what a call costs.
    Raises Refused naming the part that is wrong; Denied for a budget of the whole tenant by
    somebody who may not change budgets in every environment of it.
    """
    budget = Budget(
        environment=environment, kind=kind, limit=limit, period=period,
        currency=currency.upper(), amount=amount.strip(), alert_at=alert_at,
    )  # fmt: skip
    whose = _scope(environment, scope)
    budget.scope, budget.value = whose.kind, whose.value
    _check(budget)
    _permit(environment, whose, by)
    budget.name = name or _free_name(budget)
    try:
        with transaction.atomic():
            budget.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("name_in_use", f"There is a budget {name!r} already.") from error
    _record(AuditAction.BUDGET_CREATED, budget, {}, by=by)
    return budget


@transaction.atomic
def change(budget: Budget, *, by: Principal, **values: Any) -> Budget:
    """Give a live budget another limit, alert, amount, or switch it; what it counts stays.

    Raises Refused for a value that does not fit, or another field: make a new budget then.
    """
    if unknown := set(values) - CHANGEABLE:
        fields = ", ".join(sorted(unknown))
        raise Refused("not_changeable", f"{fields} of a budget stays: archive it, make another.")
    held = _held(budget, by)
    before = {name: getattr(held, name) for name in values}
    for name, value in values.items():
        setattr(held, name, value.strip() if isinstance(value, str) else value)
    _check(held)
    held.save(update_fields=[*values])
    _record(AuditAction.BUDGET_CHANGED, held, before, by=by)
    return held


@transaction.atomic
def archive(budget: Budget, *, by: Principal) -> Budget:
    """End a budget: it limits nothing any more; what it counted stays."""
    held = _held(budget, by)
    held.archived_at = Now()
    held.save(update_fields=["archived_at"])
    held.refresh_from_db()
    _record(AuditAction.BUDGET_ARCHIVED, held, {}, by=by)
    return held


def _held(budget: Budget, by: Principal) -> Budget:
    held = (
        Budget.objects.select_for_update(of=("self",))
        .select_related("environment__tenant")
        .get(pk=budget.pk)
    )
    _permit(held.environment, held.scoped_to, by)
    if held.archived_at is not None:
        raise Refused("archived", f"Budget {held.name} is archived: make another.")
    return held


def _scope(environment: Environment, text: str) -> Scope:
    """What the text names, if that exists: a limit on a misspelt name would limit nothing."""
    try:
        scope = scopes.parse(text)
    except ScopeError as error:
        raise Refused("scope_invalid", f"The scope was refused: {error}.") from error
    if not scope.value or scope.kind in scopes.TAGS:
        return scope
    named = {
        "agent": Agent.objects.within(environment).filter(slug=scope.value),
        "tool": Tool.objects.within(environment).filter(name=scope.value),
    }[scope.kind]
    if not named.exists():
        raise Refused(
            f"unknown_{scope.kind}",
            f"There is no {scope.kind} {scope.value[:80]!r} in this environment.",
        )
    return scope


def _permit(environment: Environment, scope: Scope, by: Principal) -> None:
    """Whoever limits the whole tenant must be allowed to in every part of it."""
    if scope.kind != "tenant" or by.kind == "system":
        return
    places = Environment.objects.filter(tenant=environment.tenant).select_related("tenant")
    if by.user is None or not all(by.user.has_perm(CHANGE, place) for place in places):
        raise Denied(
            "not_permitted",
            "A budget of the whole tenant needs the right in every environment of it.",
        )


def _check(budget: Budget) -> None:
    _choice("kind", budget.kind, amounts.KINDS)
    _choice("period", budget.period, periods.PERIODS)
    if not isinstance(budget.limit, int) or not 0 <= budget.limit <= amounts.MAX_AMOUNT:
        raise Refused("limit_invalid", f"limit is a whole number, 0 to {amounts.MAX_AMOUNT}.")
    if not 0 < budget.alert_at <= 1:
        raise Refused("alert_invalid", "alert_at is a fraction above 0, at most 1, such as 0.8.")
    if budget.is_rate and budget.kind != "calls":
        raise Refused("period_invalid", "The period minute is for calls only.")
    if budget.kind in amounts.REPORTED and budget.scope == "tool":
        raise Refused("scope_invalid", f"Runs report {budget.kind}, and not for single tools.")
    _check_money(budget)


def _choice(field: str, value: str, choices: dict[str, str]) -> None:
    if value not in choices:
        raise Refused(f"{field}_invalid", f"{field} is one of {', '.join(choices)}.")


def _check_money(budget: Budget) -> None:
    if budget.kind != "money":
        if budget.currency or budget.amount:
            raise Refused("amount_invalid", "Only a budget of money has a currency and an amount.")
        return
    if not amounts.is_currency(budget.currency):
        raise Refused("currency_invalid", "currency is an ISO 4217 code such as EUR.")
    if not budget.amount:
        raise Refused("amount_missing", "Say in amount what a call costs, as in: args.amount")
    try:
        compile_expression(budget.amount, CHARGE_VARIABLES)
    except CelError as error:
        text = f"The amount does not compile: {error}\n{error.caret_text}"
        raise Refused("amount_invalid", text.strip()) from error


def _free_name(budget: Budget) -> str:
    parts = (budget.value or budget.scope, budget.kind, budget.period)
    stem = re.sub(r"[^a-z0-9_]+", "_", "_".join(parts).lower()).strip("_")[: MAX_NAME - 4]
    taken = set(
        Budget.objects.within(budget.environment)
        .live()
        .filter(name__startswith=stem)
        .values_list("name", flat=True)
    )
    names = (stem, *(f"{stem}_{number}" for number in range(2, 1000)))
    return next(name for name in names if name not in taken)


def _record(what: AuditAction, budget: Budget, before: dict[str, Any], *, by: Principal) -> None:
    shown = ("limit", "alert_at", "is_enabled") if not before else tuple(before)
    # As text: a fraction is no JSON of the audit log, and an expression may be long.
    changes = {
        name: [str(before[name]) if name in before else None, str(getattr(budget, name))]
        for name in shown
        if name not in before or before[name] != getattr(budget, name)
    }
    if what == AuditAction.BUDGET_ARCHIVED:
        changes = {"archived_at": [None, budget.archived_at.isoformat()]}  # type: ignore[union-attr]
    audit.record(
        what,
        target=Target("budget", budget.public_id),
        scope=budget.environment.audit_scope,
        changes=changes,
        meta={"kind": budget.kind, "period": budget.period, "scope": budget.scope},
        actor=by.actor,
    )
