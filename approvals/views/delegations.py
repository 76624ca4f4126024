"""Out of office: who decides for whom, naming a substitute, ending it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext

from approvals import services
from approvals.forms.care import DelegationForm
from approvals.models import Delegation
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.principals import of_user

DELEGATE = "approvals.delegate_decision"
CSV_HEADER = ("id", "delegator", "substitute", "scope", "starts", "ends", "ended", "note")


@page(DELEGATE)
def delegations(request: Any) -> HttpResponse:
    """GET lists them all, POST names a substitute for oneself."""
    rows = Delegation.objects.within(request.environment)
    rows = rows.select_related("delegator", "substitute").order_by("-ends_at")
    if request.GET.get("format") == "csv":
        return csv_answer(request, "delegations", header=CSV_HEADER, rows=map(_cells, rows))
    form = DelegationForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid() and _made(request, form):
        return _back(request)
    page_obj = paged(request, rows)
    context = {
        "page_obj": page_obj,
        "rows": [(row, _state(row), _may_end(request, row)) for row in page_obj.object_list],
        "form": form,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "approvals/delegations.html", context, status=status)


@page(DELEGATE)
def revoke_delegation(request: Any, delegation: str) -> HttpResponse:
    """End it now."""
    rows = Delegation.objects.within(request.environment).public(delegation)
    found = get_object_or_404(rows.select_related("environment__tenant"))
    if request.method != "POST":
        return _back(request)
    by = of_user(request.user, request.environment)
    try:
        services.revoke_delegation(delegation=found, by=by)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, gettext("The delegation has ended."))
    return _back(request)


def _made(request: Any, form: DelegationForm) -> bool:
    """Whether it was made; else the form says why not."""
    by = of_user(request.user, request.environment)
    try:
        made = services.delegate(environment=request.environment, by=by, **form.cleaned_data)
    except DomainError as error:
        form.add_error(None, error.detail)
        return False
    messages.success(
        request,
        gettext("{substitute} decides for you while it lasts.").format(substitute=made.substitute),
    )
    return True


def _state(row: Delegation) -> str:
    now = timezone.now()
    if row.revoked_at is not None:
        return "ended_early"
    if row.ends_at <= now:
        return "ended"
    return "in_force" if row.starts_at <= now else "planned"


def _may_end(request: Any, row: Delegation) -> bool:
    is_theirs = request.user.pk in (row.delegator_id, row.substitute_id)
    may = is_theirs or request.user.has_perm("tenants.change_member", request.environment)
    return may and _state(row) in ("in_force", "planned")


def _back(request: Any) -> HttpResponse:
    place = request.environment
    return redirect("approvals:delegations", tenant=place.tenant.slug, environment=place.slug)


def _cells(row: Delegation) -> tuple[object, ...]:
    who = (row.public_id, row.delegator.email, row.substitute.email, row.scope)
    return (*who, row.starts_at, row.ends_at, row.revoked_at, row.note)
