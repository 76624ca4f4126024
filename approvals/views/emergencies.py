"""Break-glass: deciding alone, and the page where that is reviewed."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from approvals import services
from approvals.forms import BreakGlassForm, ReviewForm
from approvals.models import Action, BreakGlass
from approvals.views.answers import ask, carry_out, find_action
from approvals.views.signing import signed
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.principals import Principal, of_browser

CSV_HEADER = (
    "id", "action", "by", "when", "reason", "asked for", "finding", "reviewed by", "reviewed",
    "comment",
)  # fmt: skip
RELATED = ("action", "user", "reviewed_by", "environment__tenant")


@page("approvals.break_glass")
def break_glass(request: Any, action: str) -> HttpResponse:
    """GET says what it means and asks why, POST approves alone."""
    found = find_action(request, action)
    form = BreakGlassForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="break_glass")
    data = form.cleaned_data

    def decide(row: Action, by: Principal) -> object:
        by = signed(by, digest=data["digest"], assertion=data["assertion"])
        return services.break_glass(action=row, by=by, digest=data["digest"], reason=data["reason"])

    return carry_out(request, found, decide, said=gettext("Decided alone"))


@page("approvals.view_break_glass")
def emergencies(request: Any) -> HttpResponse:
    """What was decided alone in this environment, newest first."""
    rows = BreakGlass.objects.within(request.environment).select_related(*RELATED)
    if request.GET.get("format") == "csv":
        return csv_answer(request, "break-glass", header=CSV_HEADER, rows=map(_cells, rows))
    page_obj = paged(request, rows)
    may = request.user.has_perm("approvals.review_break_glass", request.environment)
    context = {"page_obj": page_obj, "may_review": may}
    return render(request, "approvals/break_glass.html", context)


@page("approvals.review_break_glass")
def review_break_glass(request: Any, emergency: str) -> HttpResponse:
    """GET shows what was decided, POST says whether it was justified."""
    rows = BreakGlass.objects.within(request.environment).select_related(*RELATED)
    found = get_object_or_404(rows.public(emergency))
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = of_browser(request, request.user, request.environment)
        try:
            services.review_break_glass(emergency=found, by=by, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(
                request, gettext("Reviewed: {effect}").format(effect=found.action.effect)
            )
            place = request.environment
            where = {"tenant": place.tenant.slug, "environment": place.slug}
            return redirect(reverse("approvals:emergencies", kwargs=where))
    context = {"emergency": found, "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "approvals/review_break_glass.html", context, status=status)


def _cells(row: BreakGlass) -> tuple[object, ...]:
    return (
        row.public_id, row.action.public_id, str(row.user), row.created_at, row.reason,
        row.asked_for, row.finding, str(row.reviewed_by or ""), row.reviewed_at, row.review_comment,
    )  # fmt: skip
