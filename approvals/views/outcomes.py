"""What people do about an outcome: settle an unknown one, run it again, undo what succeeded."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django_htmx.http import HttpResponseClientRedirect

from approvals import services
from approvals.forms.outcomes import CompensateForm, ConfirmAgainForm, ReconcileForm, RunAgainForm
from approvals.models import Action
from approvals.states import ActionStatus
from approvals.views.answers import ask, carry_out, find_action, refused, to_page
from approvals.views.rows import place
from approvals.views.signing import signed
from gateway.lib.errors import DomainError
from gateway.lib.html import is_fragment, page
from gateway.tenants.principals import Principal, of_browser


@page("approvals.reconcile_action")
def reconcile(request: Any, action: str) -> HttpResponse:
    """GET shows the evidence and asks what became of it, POST settles the action."""
    found = find_action(request, action)
    form = ReconcileForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="reconcile")
    data = form.cleaned_data

    def settle(row: Action, by: Principal) -> object:
        return services.reconcile(
            action=row, by=by, outcome=data["outcome"], evidence=data["evidence"]
        )

    return carry_out(request, found, settle, said=gettext("Reconciled"))


@page("approvals.reconcile_action")
def look_again(request: Any, action: str) -> HttpResponse:
    """POST asks the service by key what became of it."""
    found = find_action(request, action)
    if request.method != "POST":
        return to_page(request, found)
    return carry_out(
        request,
        found,
        lambda row, by: services.look_again(action=row, by=by),
        said=gettext("Looked again"),
    )


@page("approvals.reconcile_action")
def run_again(request: Any, action: str) -> HttpResponse:
    """GET asks why, or for the second person's word; POST orders it, or confirms the order."""
    found = find_action(request, action)
    order = services.open_order(found) if found.status == ActionStatus.UNKNOWN else None
    if "order" in request.POST or (order and request.method != "POST"):
        return _confirm_again(request, found, order)
    form = RunAgainForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="run_again")
    data = form.cleaned_data

    def order_it(row: Action, by: Principal) -> object:
        by = signed(by, digest=row.digest, assertion=data["assertion"])
        return services.order_again(action=row, by=by, reason=data["reason"])

    return carry_out(request, found, order_it, said=gettext("Ordered, not confirmed yet"))


def _confirm_again(request: Any, found: Action, order: Any) -> HttpResponse:
    initial = {"order": order.public_id} if order else {}
    form = ConfirmAgainForm(request.POST or None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="run_again")
    data = form.cleaned_data

    def confirm(row: Action, by: Principal) -> object:
        by = signed(by, digest=row.digest, assertion=data["assertion"])
        return services.confirm_again(action=row, by=by, order=data["order"])

    return carry_out(request, found, confirm, said=gettext("Runs again"))


@page("approvals.view_action")
def compensate(request: Any, action: str) -> HttpResponse:
    """GET asks for the reason, POST proposes the action that undoes this one and leads there."""
    found = find_action(request, action)
    form = CompensateForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="compensate")
    by = of_browser(request, request.user, request.environment)
    try:
        made = services.compensate(action=found, by=by, reason=form.cleaned_data["reason"])
    except DomainError as error:
        return refused(request, found, error)
    messages.success(request, gettext("Proposed: {what}").format(what=made.effect or made.reason))
    url = place(made, "approvals:detail", action=made.public_id)
    return HttpResponseClientRedirect(url) if is_fragment(request) else redirect(url)
