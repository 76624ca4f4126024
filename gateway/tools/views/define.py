"""Defining a tool: choose what it is made of, fill in what the connector cannot know, save."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from gateway.lib.errors import DomainError, Refused, StaleState
from gateway.lib.html import page
from gateway.tools import services
from gateway.tools.forms.definition import DefinitionForm, initial_of, initial_of_version
from gateway.tools.models import Tool

CHANGE = "tools.change_tool"
# What nobody has said yet: an oversight must not make a change look like a read.
CAREFUL = {"side_effect": "destructive", "retry_class": "unsafe"}


@page(CHANGE)
def choose(request: Any) -> HttpResponse:
    """Every operation that a tool can be made of."""
    return render(request, "tools/choose.html", {"offers": services.offers()})


@page(CHANGE)
def new(request: Any, offer: str) -> HttpResponse:
    """A new tool of one operation, filled in with what the connector says of it."""
    found = _offer(offer)
    what = {"connector": found.connector, "operation": found.operation.name}
    begun = {"name": offer, **initial_of({**CAREFUL, **services.with_offer(what)})}
    form = DefinitionForm(request.POST or None, environment=request.environment, initial=begun)
    context = {
        "form": form,
        "offer": found,
        "heading": gettext("New tool: {title}").format(title=found.operation.title),
    }
    if request.method != "POST" or not form.is_valid():
        return _form(request, context)
    name = form.cleaned_data["name"]
    if _tools(request).filter(name=name).exists():
        form.add_error(
            "name", gettext("There is a tool of this name: open it and change it there.")
        )
        return _form(request, context)
    return _save(request, context, name=name, **what)


@page(CHANGE)
def edit(request: Any, tool: str) -> HttpResponse:
    """Another version of the tool; what waits under the present one is judged again."""
    found = get_object_or_404(_tools(request).public(tool))
    now = found.current
    if now is None:
        raise Http404
    now.tool = found
    form = DefinitionForm(
        request.POST or None, environment=request.environment, version=now,
        initial=initial_of_version(now),
    )  # fmt: skip
    context = {
        "form": form,
        "tool": found,
        "heading": gettext("Change {found}").format(found=found.name),
    }
    if request.method != "POST" or not form.is_valid():
        return _form(request, context)
    return _save(
        request, context, name=found.name, connector=now.connector, operation=now.operation
    )


def _save(request: Any, context: dict[str, Any], **what: Any) -> HttpResponse:
    form = context["form"]
    try:
        saved = services.save(request.environment, **what, **form.values())
    except DomainError as error:
        form.refuse(error)
        return _form(request, context, status=409 if isinstance(error, StaleState) else 422)
    words = "on" if saved.is_enabled else "off"
    number = saved.current.number if saved.current else 0
    messages.success(
        request,
        gettext("The tool {saved} is saved as version {number}, and {words}.").format(
            saved=saved.name, number=number, words=words
        ),
    )
    where = (request.environment.tenant.slug, request.environment.slug)
    return redirect("tools:detail", *where, saved.public_id)


def _tools(request: Any) -> Any:
    tools = Tool.objects.within(request.environment).filter(archived_at=None)
    return tools.select_related("current__connection")


def _offer(key: str) -> services.Offer:
    try:
        return services.offer(key)
    except Refused as error:
        raise Http404 from error


def _form(request: Any, context: dict[str, Any], *, status: int = 422) -> HttpResponse:
    return render(
        request, "tools/form.html", context, status=status if request.method == "POST" else 200
    )
