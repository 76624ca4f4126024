"""Deciding: the views read the form, call the service and pick a template."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext

from approvals import services
from approvals.forms import ApproveForm, RejectForm
from approvals.models import Action
from approvals.views.answers import ask, carry_out, find_action, show_action
from approvals.views.card import Card
from approvals.views.signing import signed
from gateway.lib.html import page
from gateway.tenants.principals import Principal


@page("approvals.view_action")
def detail(request: Any, action: str) -> HttpResponse:
    """The action's page; the fragment alone for htmx."""
    found = find_action(request, action)
    services.opened(found, request.user)
    return show_action(request, Card(request, found))


@page("approvals.view_action")
def approve(request: Any, action: str) -> HttpResponse:
    """GET asks again, POST approves the digest that was shown."""
    found = find_action(request, action)
    form = ApproveForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="approve")
    data = form.cleaned_data

    def decide(row: Action, by: Principal) -> object:
        by = signed(by, digest=data["digest"], assertion=data["assertion"])
        return services.approve(action=row, by=by, digest=data["digest"], comment=data["comment"])

    return carry_out(request, found, decide, said=gettext("Approved"))


@page("approvals.view_action")
def reject(request: Any, action: str) -> HttpResponse:
    """GET asks for the reason, POST rejects with it."""
    found = find_action(request, action)
    form = RejectForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="reject")
    data = form.cleaned_data

    def decide(row: Action, by: Principal) -> object:
        return services.reject(action=row, by=by, digest=data["digest"], reason=data["text"])

    return carry_out(request, found, decide, said=gettext("Rejected"))


@page("approvals.cancel_action")
def cancel(request: Any, action: str) -> HttpResponse:
    """GET asks again, POST withdraws the action."""
    found = find_action(request, action)
    if request.method != "POST":
        return ask(request, found, None, kind="cancel")
    return carry_out(
        request, found, lambda row, by: services.cancel(action=row, by=by), said=gettext("Canceled")
    )
