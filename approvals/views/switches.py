"""The kill switch's page: what is stopped and why, stopping more, letting go on."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from approvals import services
from approvals.forms import StopForm, SwitchReasonForm
from approvals.models import Action, KillSwitch
from approvals.states import ActionStatus
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.principals import of_user

VIEW, USE = "approvals.view_action", "approvals.use_kill_switch"
SEE_ALONE = "approvals.view_break_glass"
CSV_HEADER = ("id", "scope", "on", "on by", "reason", "off", "off by", "off reason")
WAITING = (ActionStatus.APPROVED, ActionStatus.PENDING)


@page(VIEW)
def kill_switch(request: Any) -> HttpResponse:
    """What is stopped now, and what was."""
    rows = _switches(request)
    if request.GET.get("format") == "csv":
        return csv_answer(request, "kill-switch", header=CSV_HEADER, rows=map(_cells, rows))
    form = StopForm(
        environment=request.environment, initial={"scope": request.GET.get("scope", "")}
    )
    return _page(request, form)


@page(USE)
def stop(request: Any) -> HttpResponse:
    """Turn a switch on. Stopping cancels nothing, so it asks for the reason only."""
    if request.method != "POST":
        return redirect(_here(request))
    form = StopForm(request.POST, environment=request.environment)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        switch = _set(request, form, scope=form.cleaned_data["scope"], on=True)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _page(request, form, status=422)
    messages.warning(
        request,
        gettext("Stopped: {what}. Nothing more of it begins.").format(what=switch.what),
    )
    return redirect(_here(request))


@page(USE)
def go_on(request: Any, switch: str) -> HttpResponse:
    """GET asks why and says what will run, POST turns the switch off."""
    found = get_object_or_404(_switches(request).public(switch))
    form = SwitchReasonForm(request.POST or None)
    status = 422 if request.method == "POST" else 200
    if found.is_on and request.method == "POST" and form.is_valid():
        try:
            _set(request, form, scope=found.public_id, on=False)
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, gettext("No longer stopped: {what}.").format(what=found.what))
            return redirect(_here(request))
    context = {"switch": found, "form": form, "waiting": _waiting(found)}
    return render(request, "approvals/go_on.html", context, status=status)


def _set(request: Any, form: Any, *, scope: str, on: bool) -> KillSwitch:
    return services.set_kill_switch(
        request.environment, scope=scope, on=on, reason=form.cleaned_data["reason"],
        by=of_user(request.user, request.environment),
    )  # fmt: skip


def _page(request: Any, form: StopForm, *, status: int = 200) -> HttpResponse:
    page_obj = paged(request, _switches(request).exclude(turned_off_at=None))
    on = services.stopped_here(request.environment)
    context = {
        "on": [(switch, _waiting(switch)) for switch in on],
        "form": form,
        "page_obj": page_obj,
        "may_see_emergencies": request.user.has_perm(SEE_ALONE, request.environment),
        "may_use": request.user.has_perm(USE, request.environment),
    }
    return render(request, "approvals/kill_switch.html", context, status=status)


def _switches(request: Any) -> Any:
    rows = KillSwitch.objects.within(request.environment)
    return rows.select_related("turned_on_by", "turned_off_by")


def _waiting(switch: KillSwitch) -> list[dict[str, Any]]:
    """How many approved and pending actions wait under the switch, each with its list."""
    kind, _, name = switch.scope.partition(":")
    column = {"agent": "agent__slug", "tool": "tool_name"}.get(kind)
    rows = Action.objects.within(switch.environment)
    rows = rows.filter(**{column: name}) if column else rows
    narrowed = {kind: name} if column else {}
    return [
        {
            "count": rows.filter(status=status).count(),
            "word": gettext(status.label).lower(),
            "query": urlencode({"status": status.value, **narrowed}),
        }
        for status in WAITING
    ]


def _here(request: Any) -> str:
    place = request.environment
    return reverse("approvals:kill_switch", args=(place.tenant.slug, place.slug))


def _cells(switch: KillSwitch) -> tuple[object, ...]:
    on = (switch.public_id, switch.scope, switch.created_at, switch.stopped_by, switch.reason)
    return (*on, switch.turned_off_at, switch.turned_off_by, switch.off_reason)
