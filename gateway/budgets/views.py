"""Pages of the budgets: how each stands, what used it, and the forms that make and change one."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from gateway.budgets import services
from gateway.budgets.bars import Bar
from gateway.budgets.forms import BudgetChangeForm, BudgetFilter, BudgetForm
from gateway.budgets.models import Budget
from gateway.lib.errors import Denied, DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.principals import of_user

VIEW, CHANGE = "budgets.view_budget", "budgets.change_budget"
CSV_HEADER = (
    "id", "name", "scope", "kind", "currency", "limit", "period", "used", "reserved", "subject",
    "renews", "alert_at", "on", "created",
)  # fmt: skip
USES_HEADER = ("ref", "amount", "state", "subject", "window", "at")
OPEN_SHOWN, ALERTS_SHOWN = 20, 10


@page(VIEW)
def index(request: Any) -> HttpResponse:
    """Every budget of the environment with its fullest counter."""
    filters = BudgetFilter(request.GET)
    found = services.with_fullest(filters.narrow(Budget.objects.within(request.environment)))
    if request.GET.get("format") == "csv":
        rows = (_cells(bar) for bar in _bars(list(found)))
        return csv_answer(request, "budgets", header=CSV_HEADER, rows=rows)
    page_obj = paged(request, found)
    context = {
        "page_obj": page_obj,
        "rows": _bars(list(page_obj.object_list)),
        "filters": filters,
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "budgets/list.html", context)


@page(VIEW)
def detail(request: Any, budget: str) -> HttpResponse:
    """One budget: its open counters, what it raised, and every action that took of it."""
    found = _find(request, budget)
    uses = services.uses(found, request.environment)
    if request.GET.get("format") == "csv":
        rows = (_use_cells(entry) for entry in uses)
        return csv_answer(request, f"budget-{found.name}", header=USES_HEADER, rows=rows)
    counters = services.present(found)
    page_obj = paged(request, uses)
    fullest = counters.first()
    context = {
        "bar": Bar(found, fullest),
        "bars": [Bar(found, counter) for counter in counters[:OPEN_SHOWN]],
        "more": max(0, counters.count() - OPEN_SHOWN),
        "alerts": services.alerts(request.environment).filter(counter__budget=found)[:ALERTS_SHOWN],
        "page_obj": page_obj,
        "entries": [(entry, Bar(found).shown(entry.amount)) for entry in page_obj.object_list],
        "may_change": found.archived_at is None
        and request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "budgets/detail.html", context)


@page(CHANGE)
def new(request: Any) -> HttpResponse:
    """The form of a new budget."""
    form = BudgetForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form(
            request, form, heading=gettext("New budget"), submit=gettext("Create the budget")
        )
    by = of_user(request.user, request.environment)
    try:
        made = services.create(request.environment, by=by, **form.values)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(
            request,
            form,
            heading=gettext("New budget"),
            submit=gettext("Create the budget"),
            error=error,
        )
    messages.success(
        request, gettext("Budget {budget} counts from now on.").format(budget=made.name)
    )
    return _to(request, made)


@page(CHANGE)
def change(request: Any, budget: str) -> HttpResponse:
    """Another limit, alert or amount; on or off."""
    found = _find(request, budget)
    form = BudgetChangeForm(request.POST or None, budget=found)
    shown: dict[str, Any] = {
        "heading": gettext("Change {budget}").format(budget=found.name),
        "submit": gettext("Save"),
        "budget": found,
    }
    if request.method != "POST" or not form.is_valid():
        return _form(request, form, **shown)
    try:
        if values := form.values:
            services.change(found, by=of_user(request.user, request.environment), **values)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(request, form, error=error, **shown)
    messages.success(request, gettext("Budget {budget} is saved.").format(budget=found.name))
    return _to(request, found)


@page(CHANGE)
def archive(request: Any, budget: str) -> HttpResponse:
    """GET asks again, POST ends the budget."""
    found = _find(request, budget)
    if request.method != "POST":
        return render(request, "budgets/archive.html", {"budget": found})
    try:
        services.archive(found, by=of_user(request.user, request.environment))
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request, gettext("Budget {budget} limits nothing any more.").format(budget=found.name)
        )
    return _to(request, found)


def _find(request: Any, budget: str) -> Budget:
    return get_object_or_404(Budget.objects.within(request.environment).public(budget))


def _bars(budgets: list[Budget]) -> list[Bar]:
    counters = services.counters_of(budgets)
    return [Bar(budget, counters.get(budget.pk)) for budget in budgets]


def _form(
    request: Any, form: Any, *, error: DomainError | None = None, **shown: Any
) -> HttpResponse:
    status = 200 if request.method != "POST" else 403 if isinstance(error, Denied) else 422
    return render(request, "budgets/form.html", {"form": form, **shown}, status=status)


def _to(request: Any, budget: Budget) -> HttpResponse:
    place = request.environment
    return redirect(
        "budgets:detail",
        tenant=place.tenant.slug,
        environment=place.slug,
        budget=budget.public_id,
    )


def _cells(bar: Bar) -> tuple[object, ...]:
    budget = bar.budget
    what = (budget.public_id, budget.name, budget.scoped_to, budget.kind, budget.currency)
    now = (bar.used, bar.reserved, bar.subject, bar.renews_at)
    rest = (budget.alert_at, budget.is_enabled, budget.created_at)
    return (*what, budget.limit, budget.period, *now, *rest)


def _use_cells(entry: Any) -> tuple[object, ...]:
    where = (entry.counter.subject, entry.counter.window)
    return (entry.ref, entry.amount, entry.status, *where, entry.created_at)
