"""The secrets of a source: rotate, add, end."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from gateway.lib.errors import DomainError
from gateway.lib.html import page
from webhooks import services
from webhooks.forms import RotateForm, SecretForm
from webhooks.forms.source import put
from webhooks.models import Source
from webhooks.services import NewSecret
from webhooks.views.lookup import CHANGE, can_make, source_of, to
from webhooks.views.source_page import SourcePage


@page(CHANGE)
def secrets(request: Any, source: str) -> HttpResponse:
    """Every secret by its fingerprint, and what can be done with it."""
    return _shown(request, source_of(request, source))


@page(CHANGE)
def rotate(request: Any, source: str) -> HttpResponse:
    """A new secret; the old ones count on for the overlap. One made here is shown this once."""
    found = source_of(request, source)
    if request.method != "POST":
        return _shown(request, found)
    form = RotateForm(request.POST, can_make=can_make(found.rules))
    if not form.is_valid():
        return _shown(request, found, rotate_form=form, status=422)
    given = form.cleaned_data["secret"].strip()
    try:
        new = NewSecret(given) if given else services.generate(found.rules)
        services.rotate_secret(found, new, overlap=form.length)
    except DomainError as error:
        put(form, error)
        return _shown(request, found, rotate_form=form, status=422)
    if given:
        messages.success(request, gettext("The new secret counts now."))
        return to("webhooks:secrets", found)
    return _shown(request, found, made=new.value)


@page(CHANGE)
def add(request: Any, source: str) -> HttpResponse:
    """One more secret beside the others."""
    found = source_of(request, source)
    if request.method != "POST":
        return _shown(request, found)
    form = SecretForm(request.POST, can_make=can_make(found.rules))
    if form.is_valid():
        data = form.cleaned_data
        new = NewSecret(data["secret"].strip(), data["not_before"], data["not_after"])
        try:
            services.add_secret(found, new)
        except DomainError as error:
            put(form, error)
        else:
            messages.success(request, gettext("The secret is added."))
            return to("webhooks:secrets", found)
    return _shown(request, found, add_form=form, status=422)


@page(CHANGE)
def end(request: Any, source: str) -> HttpResponse:
    """End one secret now."""
    found = source_of(request, source)
    if request.method != "POST":
        return _shown(request, found)
    secret = found.secrets.public(request.POST.get("secret", "")).first()
    if secret is None:
        raise Http404
    services.retire_secret(found, secret)
    messages.success(request, gettext("The secret is ended: what it signs is refused."))
    return to("webhooks:secrets", found)


def _shown(request: Any, source: Source, *, status: int = 200, **more: Any) -> HttpResponse:
    makes = can_make(source.rules)
    context = {
        "page": SourcePage(source),
        "source": source,
        "can_make": makes,
        "rotate_form": RotateForm(can_make=makes),
        "add_form": SecretForm(can_make=makes),
        **more,
    }
    answer = render(request, "webhooks/secrets.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
