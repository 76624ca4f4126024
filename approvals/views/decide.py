"""Deciding: the views read the form, call the service and pick a template."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from approvals import services
from approvals.forms import ApproveForm, RejectForm
from approvals.models import Action
from approvals.views.card import Card
from gateway.lib.errors import Conflict, Denied, DomainError, Refused
from gateway.lib.html import is_fragment, page
from gateway.tenants.principals import Principal, of_user

STATUS = {Refused: 422, Denied: 403, Conflict: 409}
Decide = Callable[[Action, Principal], object]


@page("approvals.view_action")
def detail(request: Any, action: str) -> HttpResponse:
    """The action's page; the fragment alone for htmx."""
    found = _find(request, action)
    return _show(request, Card(request, found))


@page("approvals.view_action")
def approve(request: Any, action: str) -> HttpResponse:
    """GET asks again, POST approves the digest that was shown."""
    found = _find(request, action)
    form = ApproveForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _ask(request, found, form, kind="approve")
    data = form.cleaned_data

    def decide(row: Action, by: Principal) -> object:
        return services.approve(action=row, by=by, digest=data["digest"], comment=data["comment"])

    return _decide(request, found, decide, said="Approved")


@page("approvals.view_action")
def reject(request: Any, action: str) -> HttpResponse:
    """GET asks for the reason, POST rejects with it."""
    found = _find(request, action)
    form = RejectForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _ask(request, found, form, kind="reject")
    data = form.cleaned_data

    def decide(row: Action, by: Principal) -> object:
        return services.reject(action=row, by=by, digest=data["digest"], reason=data["text"])

    return _decide(request, found, decide, said="Rejected")


@page("approvals.cancel_action")
def cancel(request: Any, action: str) -> HttpResponse:
    """GET asks again, POST withdraws the action."""
    found = _find(request, action)
    if request.method != "POST":
        return _ask(request, found, None, kind="cancel")
    return _decide(
        request, found, lambda row, by: services.cancel(action=row, by=by), said="Canceled"
    )


def _find(request: Any, action: str) -> Action:
    rows = Action.objects.within(request.environment).public(action)
    return get_object_or_404(rows.for_lists().select_related("tool_version__connection"))


def _decide(request: Any, action: Action, decide: Decide, *, said: str) -> HttpResponse:
    """Call the service; a refusal shows the action as it stands now, and why."""
    try:
        decide(action, of_user(request.user, request.environment))
    except DomainError as error:
        return _refused(request, action, error)
    line = f"{said}: {action.effect}"
    if not is_fragment(request):
        messages.success(request, line)
        return redirect(Card(request, action).url)
    answer = _show(request, Card(request, _find(request, action.public_id)), has_count=True)
    answer["HX-Trigger"] = json.dumps({"cs:decided": {"said": line}})
    return answer


def _refused(request: Any, action: Action, error: DomainError) -> HttpResponse:
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    name = "conflict" if status == 409 else "refused"
    card = Card(request, _find(request, action.public_id))
    return _show(request, card, status=status, note={name: error.detail})


def _ask(request: Any, action: Action, form: Any, *, kind: str) -> HttpResponse:
    """The form on a page of its own; for htmx, with its errors, in its dialog."""
    card = Card(request, action)
    status = 422 if request.method == "POST" else 200
    context = {
        "card": card,
        "form": form,
        "heading": f"{kind.capitalize()} action",
        "form_template": f"approvals/_{kind}_form.html",
        "is_pane": "pane" in request.POST,
    }
    if not is_fragment(request):
        return render(request, "approvals/decide.html", context, status=status)
    answer = render(request, context["form_template"], context, status=status)
    answer["HX-Retarget"] = f"#{kind}-form"
    return answer


def _show(
    request: Any,
    card: Card,
    *,
    status: int = 200,
    has_count: bool = False,
    note: dict[str, str] | None = None,
) -> HttpResponse:
    is_pane = "pane" in request.GET or "pane" in request.POST
    context = {"card": card, "is_pane": is_pane, "has_count": has_count, **(note or {})}
    name = "approvals/_answer.html" if is_fragment(request) else "approvals/detail.html"
    answer = render(request, name, context, status=status)
    answer["Vary"] = "HX-Request"
    return answer
