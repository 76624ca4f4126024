"""Setting amounts aside, using them up, giving them back; never more than a budget's limit.

Every change of a counter is one conditional UPDATE of its row, so that uses at the same moment
cannot overshoot. Counters are always changed in the order of their ids, and a transaction touches
them once: two of them never wait for each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F, Sum

from gateway.budgets.models import CLAIMED, Counter, UsageEntry
from gateway.budgets.scopes import Subjects
from gateway.budgets.services import alerting
from gateway.budgets.services.standings import Standing, look, refusal
from gateway.budgets.states import UsageStatus
from gateway.lib.prepared import Prepared
from gateway.lib.states import move_many
from gateway.tenants.models import Environment

_RESERVED = Prepared(
    lambda ref: UsageEntry.objects.filter(ref=ref, status=UsageStatus.RESERVED).order_by()[:1],
    ref=UsageEntry._meta.get_field("ref"),
)


def reserve(environment: Environment, ref: str, standings: Iterable[Standing]) -> None:
    """Set aside what the action `ref` needs of every budget, or nothing at all.

    A rate counts the call as used: speed cannot be given back. Raises Exceeded where another use
    was faster.
    """
    wanted = [standing for standing in standings if standing.amount]
    if not wanted:
        return
    with transaction.atomic():
        placed = _placed(wanted)
        for standing in placed:
            _take(standing)
        UsageEntry.objects.bulk_create(_entry(environment, ref, standing) for standing in placed)
        alerting.watch(placed)


def _take(standing: Standing) -> None:
    column = "used" if standing.budget.is_rate else "reserved"
    free = standing.budget.limit - standing.amount
    row = Counter.objects.filter(pk=standing.counter)
    if (
        row.alias(claimed=CLAIMED)
        .filter(claimed__lte=free)
        .update(**{column: F(column) + standing.amount})
    ):
        return
    now = row.get()
    raise refusal(replace(standing, used=now.used, reserved=now.reserved))


def _entry(environment: Environment, ref: str, standing: Standing) -> UsageEntry:
    status = UsageStatus.SETTLED if standing.budget.is_rate else UsageStatus.RESERVED
    return UsageEntry(
        environment=environment, counter_id=standing.counter, ref=ref, amount=standing.amount,
        status=status,
    )  # fmt: skip


def _placed(standings: Sequence[Standing]) -> list[Standing]:
    """Each with the row of its counter, made where it is missing, in the order of locking."""
    missing = [standing for standing in standings if standing.counter is None]
    if missing:
        # Whoever makes them at the same moment makes them in the same order.
        rows = sorted((_counter(standing) for standing in missing), key=_place)
        Counter.objects.bulk_create(rows, ignore_conflicts=True)
        found = {
            _place(row): row.pk
            for row in Counter.objects.filter(
                environment__in={row.environment_id for row in rows},
                subject__in={row.subject for row in rows},
                window__in={row.window for row in rows},
            )
        }
        standings = [
            replace(standing, counter=standing.counter or found[_place(_counter(standing))])
            for standing in standings
        ]
    return sorted(standings, key=lambda standing: standing.counter)


def _counter(standing: Standing) -> Counter:
    budget = standing.budget
    return Counter(
        environment=budget.environment, budget=None if standing.is_cap else budget,
        subject=standing.subject, window=standing.window.key, ends_at=standing.window.ends_at,
    )  # fmt: skip


def _place(row: Counter) -> tuple[str, str, str]:
    return (str(row.budget_id or row.environment_id), row.subject, row.window)


def settle(*refs: str) -> None:
    """Use up what these actions had reserved; repeating it changes nothing."""
    _end(refs, UsageStatus.SETTLED)


def release(*refs: str) -> None:
    """Give back what these actions had reserved; repeating it changes nothing."""
    _end(refs, UsageStatus.RELEASED)


def _end(refs: Sequence[str], to: UsageStatus) -> None:
    # Most actions have nothing set aside; what an action has was set aside before it was approved.
    if any(_RESERVED(ref=ref) for ref in refs):
        _end_all(refs, to)


@transaction.atomic
def _end_all(refs: Sequence[str], to: UsageStatus) -> None:
    moved = move_many(UsageEntry.objects.filter(ref__in=refs), UsageStatus.RESERVED, to)
    if not moved:
        return
    sums = UsageEntry.objects.filter(pk__in=moved).order_by("counter").values("counter")
    for row in sums.annotate(amount=Sum("amount")):
        changes: dict[str, Any] = {"reserved": F("reserved") - row["amount"]}
        if to == UsageStatus.SETTLED:
            changes["used"] = F("used") + row["amount"]
        Counter.objects.filter(pk=row["counter"]).update(**changes)


@transaction.atomic
def add_reported(
    environment: Environment, ref: str, used_by: Subjects, *, tokens: int = 0, cost: int = 0
) -> list[Standing]:
    """Count what a provider reports that a run has used since; the limits that are reached now.

    It is spent already, so it is counted in full, even beyond a limit. `cost` is in micro-USD.
    """
    spent = {"tokens": tokens, "cost": cost}
    found = [
        replace(standing, amount=spent[standing.budget.kind])
        for standing in look(environment, used_by)
        if spent.get(standing.budget.kind, 0) > 0
    ]
    if not found:
        return []
    placed = _placed(found)
    for standing in placed:
        _spend(environment, ref, standing)
    alerting.watch(placed)
    rows = Counter.objects.in_bulk([standing.counter for standing in placed])
    present = [
        replace(one, used=rows[one.counter].used, reserved=rows[one.counter].reserved)
        for one in placed
    ]
    return [standing for standing in present if not standing.remaining]


def _spend(environment: Environment, ref: str, standing: Standing) -> None:
    Counter.objects.filter(pk=standing.counter).update(used=F("used") + standing.amount)
    known = UsageEntry.objects.filter(counter=standing.counter, ref=ref, environment=environment)
    if not known.update(amount=F("amount") + standing.amount):
        UsageEntry.objects.create(
            environment=environment, counter_id=standing.counter, ref=ref,
            amount=standing.amount, status=UsageStatus.SETTLED,
        )  # fmt: skip
