"""Making, changing, rotating, trying and archiving a connection."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from gateway.connections import services
from gateway.connections.forms import ConnectionForm, RotateForm
from gateway.connections.kinds import KINDS
from gateway.connections.presets import PRESETS, preset_of
from gateway.connections.views.lookup import CHANGE, open_one, redirect_uri, to
from gateway.lib.errors import Conflict, DomainError
from gateway.lib.html import page


@page(CHANGE)
def new(request: Any) -> HttpResponse:
    """First the kind or the service, then everything else."""
    preset = PRESETS.get(request.GET.get("preset", ""))
    kind = KINDS.get("oauth2_authorization_code" if preset else request.GET.get("kind", ""))
    if kind is None:
        context = {"kinds": KINDS.values(), "presets": PRESETS.values()}
        return render(request, "connections/kinds.html", context)
    form = ConnectionForm(request.POST or None, kind=kind, preset=preset, connection=None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    slug = form.cleaned_data["slug"]
    try:
        made = services.create(request.environment, slug=slug, kind=kind.name, **form.changes)
    except DomainError as error:
        form.show(error)
        return _form(request, form)
    messages.success(
        request,
        gettext("The connection {name} is there; its value is sealed.").format(name=made.slug),
    )
    return to(made, "connections:connect" if kind.has_consent else "connections:detail")


@page(CHANGE)
def edit(request: Any, connection: str) -> HttpResponse:
    """The form of one connection; a change meanwhile is said, not overwritten (409)."""
    found = open_one(request, connection)
    form = ConnectionForm(
        request.POST or None, kind=found.rules, preset=preset_of(found.config), connection=found
    )
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    try:
        changed = services.update(found, revision=form.cleaned_data["revision"], **form.changes)
    except DomainError as error:
        form.show(error)
        return _form(request, form, status=409 if isinstance(error, Conflict) else 422)
    messages.success(
        request,
        gettext("Saved: {name} has revision {revision}.").format(
            name=changed.slug, revision=changed.revision
        ),
    )
    return to(changed)


@page(CHANGE)
def rotate(request: Any, connection: str) -> HttpResponse:
    """A new value in the place of the old one."""
    found = open_one(request, connection)
    form = RotateForm(request.POST or None, connection=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.rotate(found, **form.cleaned_data)
        except DomainError as error:
            form.add_error("value", error.detail)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            messages.success(
                request, gettext("{name} uses the new value from now on.").format(name=found.slug)
            )
            return to(found)
    else:
        status = 422 if request.method == "POST" else 200
    context = {"form": form, "connection": found}
    return render(request, "connections/rotate.html", context, status=status)


@page(CHANGE)
def check(request: Any, connection: str) -> HttpResponse:
    """Try it now; a GET shows the connection's page."""
    found = open_one(request, connection)
    if request.method != "POST":
        return to(found)
    try:
        trial = services.check(found)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        tell = messages.success if trial.is_good else messages.error
        tell(request, trial.detail)
    return to(found)


@page(CHANGE)
def archive(request: Any, connection: str) -> HttpResponse:
    """GET asks again, POST ends it for good."""
    found = open_one(request, connection)
    if request.method != "POST":
        return render(request, "connections/archive.html", {"connection": found})
    try:
        note = services.archive(found)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request,
            gettext("{name} is archived, its secrets are forgotten. {note}").format(
                name=found.slug, note=note
            ),
        )
    return to(found)


def _form(request: Any, form: ConnectionForm, *, status: int = 422) -> HttpResponse:
    status = status if request.method == "POST" else 200
    context: dict[str, Any] = {"form": form, "connection": form.connection}
    if form.kind.has_consent:
        context["redirect_uri"] = redirect_uri(request.environment)
    return render(request, "connections/form.html", context, status=status)
