"""Grants: deriving one from an approved action, the list of them, and ending one."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from approvals import services
from approvals.forms import GrantFilter, GrantForm
from approvals.models import Action, Grant
from approvals.views.card import Card
from approvals.views.rows import Row
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.principals import of_browser

CSV_HEADER = (
    "id", "tool", "agent", "condition", "made by", "reason", "uses", "of", "made", "expires",
    "revoked",
)  # fmt: skip
RELATED = ("agent", "tool", "made_by", "derived_from", "environment__tenant")


@page("approvals.view_action")
def grants(request: Any) -> HttpResponse:
    """Every grant of the environment, newest first."""
    form = GrantFilter(request.GET)
    open_now = Grant.objects.open().within(request.environment)
    mine = Grant.objects.within(request.environment).select_related(*RELATED)
    found = form.narrow(mine, open_now=open_now.values("pk"))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "grants", header=CSV_HEADER, rows=map(_cells, found))
    page_obj = paged(request, found)
    counting = set(
        open_now.filter(pk__in=[row.pk for row in page_obj]).values_list("pk", flat=True)
    )
    context = {
        "page_obj": page_obj,
        "rows": [(grant, grant.pk in counting) for grant in page_obj],
        "filters": [form["q"], form["state"]],
    }
    return render(request, "approvals/grants.html", context)


@page("approvals.decide_action")
def grant(request: Any, action: str) -> HttpResponse:
    """GET suggests the exact condition, POST tries it on the last 30 days or grants it."""
    rows = Action.objects.within(request.environment).public(action)
    found = get_object_or_404(rows.for_lists().select_related("tool_version__connection"))
    by = of_browser(request, request.user, request.environment)
    objection = services.grants.objection(found, by)
    suggested = "" if objection else services.grants.suggest(found)
    form = GrantForm(request.POST or None, initial={"condition": suggested})
    problem = ""
    if request.method == "POST" and "try" not in request.POST and form.is_valid():
        try:
            return _made(request, found, form.cleaned_data)
        except DomainError as error:
            problem = error.detail
    condition = request.POST.get("condition") or suggested
    matches, trouble = _tried(found, condition) if condition and not objection else (None, "")
    context = {
        "card": Card(request, found), "form": form, "objection": objection, "matches": matches,
        "similar": [Row(row) for row in matches.actions] if matches else [],
        "problem": problem or trouble,
    }  # fmt: skip
    status = 422 if problem or trouble or (form.is_bound and form.errors) else 200
    return render(request, "approvals/grant.html", context, status=status)


@page("approvals.decide_action")
def revoke_grant(request: Any, grant: str) -> HttpResponse:
    """GET asks again, POST ends the grant."""
    rows = Grant.objects.within(request.environment).select_related(*RELATED)
    found = get_object_or_404(rows.public(grant))
    problem = ""
    if request.method == "POST":
        try:
            services.grants.revoke(
                grant=found, by=of_browser(request, request.user, request.environment)
            )
        except DomainError as error:
            problem = error.detail
        else:
            messages.success(
                request,
                gettext("Revoked: calls of {tool} are asked about again.").format(
                    tool=found.tool.name
                ),
            )
            return redirect(_address(request, "approvals:grants"))
    context = {"grant": found, "problem": problem}
    return render(request, "approvals/revoke_grant.html", context, status=409 if problem else 200)


def _made(request: Any, action: Action, chosen: dict[str, Any]) -> HttpResponse:
    until = timezone.now() + timedelta(seconds=chosen["ends_in"])
    made = services.grants.create(
        action=action, by=of_browser(request, request.user, request.environment), expires_at=until,
        condition=chosen["condition"], max_uses=chosen["max_uses"], reason=chosen["reason"],
    )  # fmt: skip
    text = gettext(
        "Granted: up to {max_uses} such calls of {tool} run without being asked."
    ).format(max_uses=made.max_uses, tool=made.tool.name)
    messages.success(request, text)
    return redirect(_address(request, "approvals:grants"))


def _tried(action: Action, condition: str) -> tuple[Any, str]:
    try:
        found = services.grants.matching(action, condition)
    except DomainError as error:
        return None, error.detail
    shown = Action.objects.for_lists().filter(pk__in=[row.pk for row in found.actions])
    found.actions[:] = list(shown)
    return found, ""


def _address(request: Any, name: str) -> str:
    place = request.environment
    return reverse(name, kwargs={"tenant": place.tenant.slug, "environment": place.slug})


def _cells(grant: Grant) -> tuple[object, ...]:
    who = (grant.tool.name, grant.agent.slug, grant.condition, str(grant.made_by), grant.reason)
    when = (grant.created_at, grant.expires_at, grant.revoked_at)
    return (grant.public_id, *who, grant.uses, grant.max_uses, *when)
