"""Looking after an action: comments, who is on it, who should be, and one's own inbox."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext

from approvals import services
from approvals.forms.care import AssignForm, CommentForm, SnoozeForm
from approvals.views.answers import ask, carry_out, find_action, to_page
from gateway.lib.html import page


@page("approvals.comment_action")
def comment(request: Any, action: str) -> HttpResponse:
    """GET asks for the words; POST adds them to the thread, or asks the agent."""
    found = find_action(request, action)
    form = CommentForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="comment")
    text, is_question = form.cleaned_data["text"], "ask" in request.POST
    return carry_out(
        request,
        found,
        lambda row, by: services.comment(action=row, by=by, text=text, is_question=is_question),
        said=gettext("Asked the agent about") if is_question else gettext("Commented on"),
    )


@page("approvals.decide_action")
def take(request: Any, action: str) -> HttpResponse:
    """Say that one is on it."""
    found = find_action(request, action)
    if request.method != "POST":
        return to_page(request, found)
    return carry_out(
        request,
        found,
        lambda row, by: services.take_up(action=row, by=by),
        said=gettext("You are on it"),
    )


@page("approvals.decide_action")
def let_go(request: Any, action: str) -> HttpResponse:
    """Say that one is not on it any more."""
    found = find_action(request, action)
    if request.method != "POST":
        return to_page(request, found)
    return carry_out(
        request, found, lambda row, by: services.let_go(action=row, by=by), said=gettext("Let go")
    )


@page("approvals.assign_action")
def assign(request: Any, action: str) -> HttpResponse:
    """GET shows who may decide, POST names one of them."""
    found = find_action(request, action)
    form = AssignForm(request.POST or None, action=found)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="assign")
    to = form.cleaned_data["to"]
    return carry_out(
        request,
        found,
        lambda row, by: services.assign(action=row, by=by, to=to),
        said=gettext("Assigned"),
    )


@page("approvals.view_comment")
def snooze(request: Any, action: str) -> HttpResponse:
    """GET shows the usual times, POST hides the action from one's own inbox."""
    found = find_action(request, action)
    form = SnoozeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return ask(request, found, form, kind="snooze")
    until = form.moment
    return carry_out(
        request,
        found,
        lambda row, by: services.snooze(action=row, by=by, until=until),
        said=gettext("Snoozed"),
    )


@page("approvals.view_comment")
def wake(request: Any, action: str) -> HttpResponse:
    """Show it in one's own inbox again."""
    found = find_action(request, action)
    if request.method != "POST":
        return to_page(request, found)
    return carry_out(
        request,
        found,
        lambda row, by: services.wake(action=row, by=by),
        said=gettext("Back in your inbox"),
    )
