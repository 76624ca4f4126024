"""Changing a decision before it is final: other arguments, an approval undone, more time."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext

from approvals import services
from approvals.forms import EditForm, ExtendForm
from approvals.models import Action
from approvals.views.answers import ask, carry_out, done, find_action, refused
from approvals.views.card import Card
from approvals.views.powers import later
from gateway.lib.errors import DomainError, Refused
from gateway.lib.html import page
from gateway.tenants.principals import Principal, of_browser


@page("approvals.view_action")
def edit(request: Any, action: str) -> HttpResponse:
    """GET shows the arguments as text, POST makes them the action's; the vote comes after."""
    found = find_action(request, action)
    if request.method != "POST":
        return ask(request, found, Card(request, found).powers.edit_form, kind="edit")
    form = EditForm(request.POST)
    if not form.is_valid():
        return ask(request, found, form, kind="edit")
    data = form.cleaned_data
    try:
        services.edit(
            action=found, by=of_browser(request, request.user, request.environment),
            digest=data["digest"], arguments=form.value, comment=data["comment"],
        )  # fmt: skip
    except Refused as error:
        form.refuse(error)
        return ask(request, found, form, kind="edit")
    except DomainError as error:
        return refused(request, found, error)
    return done(request, found, said=gettext("Edited, not approved yet"))


@page("approvals.view_action")
def undo(request: Any, action: str) -> HttpResponse:
    """GET asks again, POST takes the approval back."""
    found = find_action(request, action)
    if request.method != "POST":
        return ask(request, found, None, kind="undo")
    return carry_out(
        request,
        found,
        lambda row, by: services.undo(action=row, by=by),
        said=gettext("Approval undone"),
    )


@page("approvals.view_action")
def extend(request: Any, action: str) -> HttpResponse:
    """GET asks for how long, POST moves the deadline."""
    found = find_action(request, action)
    form = ExtendForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="extend")
    when = later(found, hours=int(form.cleaned_data["hours"]))

    def decide(row: Action, by: Principal) -> object:
        return services.extend(action=row, by=by, decide_by=when)

    return carry_out(request, found, decide, said=gettext("More time"))
