"""Making a source, changing it, what to enter at its provider, and closing it for good."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from gateway.lib.errors import DomainError
from gateway.lib.html import page, show
from webhooks import hints, services
from webhooks.forms import ChangeForm, SchemeForm, SourceForm, TrialForm
from webhooks.forms.source import initial_of, put
from webhooks.models import Source
from webhooks.schemes.base import Scheme
from webhooks.schemes.catalogue import CUSTOM, SCHEMES
from webhooks.services import NewSecret
from webhooks.views.lookup import CHANGE, address_of, can_make, source_of, to

START = SCHEMES["generic_sha256"]
TRY = "try"


@page(CHANGE)
def new(request: Any) -> HttpResponse:
    """First the provider, then everything else about the source."""
    name = request.GET.get("scheme", "")
    if name == CUSTOM:
        return _new_custom(request)
    if name not in SCHEMES:
        return _presets(request)
    form = _source_form(request, SCHEMES[name])
    if request.method == "POST" and form.is_valid():
        made = _make(request, form, name, {})
        if made is not None:
            return made
    return _shown(request, form, scheme=SCHEMES[name])


def _presets(request: Any) -> HttpResponse:
    text = request.GET.get("q", "").strip().lower()
    found = [
        scheme
        for scheme in sorted(SCHEMES.values(), key=lambda one: one.title.lower())
        if text in f"{scheme.title} {scheme.name} {scheme.note}".lower()
    ]
    context = {"presets": found, "text": text}
    return show(
        request, "webhooks/presets.html", fragment="webhooks/_presets.html", context=context
    )


def _new_custom(request: Any) -> HttpResponse:
    start = SCHEMES.get(request.GET.get("from", ""), START)
    if request.method != "POST":
        form = _source_form(request, START)
        return _shown(request, form, scheme_form=SchemeForm.of(start), start=start.name)
    described = SchemeForm(request.POST)
    rules = described.scheme if described.is_valid() else START
    form = _source_form(request, rules)
    if request.POST.get("do") == TRY:
        form = _unbound(request, rules)
        return _tried(request, form, described, start=start.name)
    if described.is_valid() and form.is_valid():
        made = _make(request, form, CUSTOM, {"scheme": described.description})
        if made is not None:
            return made
    return _shown(request, form, scheme_form=described, start=start.name)


def _source_form(request: Any, scheme: Scheme) -> SourceForm:
    return SourceForm(
        request.POST or None,
        place=request.environment,
        scheme=scheme,
        can_make=can_make(scheme),
    )


def _unbound(request: Any, scheme: Scheme) -> SourceForm:
    """What was typed, not judged yet: only the scheme is being tried."""
    return SourceForm(
        initial=request.POST.dict(),
        place=request.environment,
        scheme=scheme,
        can_make=can_make(scheme),
    )


def _make(request: Any, form: SourceForm, name: str, kept: dict[str, Any]) -> HttpResponse | None:
    """The page that tells what to do next; None where the form now says what was refused."""
    data = form.cleaned_data
    try:
        secret = (
            services.generate(form.scheme)
            if form.makes_secret
            else NewSecret(data["secret"].strip())
        )
        source = services.create_source(
            request.environment,
            scheme=name,
            secrets=[secret],
            slug=data["slug"],
            name=data["name"],
            settings=form.chosen_settings(kept),
            provider=form.chosen_provider(),
            by=request.user,
        )
    except DomainError as error:
        put(form, error)
        return None
    return shown_setup(request, source, secret=secret.value if form.makes_secret else "")


def shown_setup(request: Any, source: Source, *, secret: str = "") -> HttpResponse:
    """What to enter at the provider; a secret made just now is shown this once."""
    rules = source.rules
    has_token = any(handshake.token for handshake in rules.handshakes)
    context = {
        "source": source,
        "secret": secret,
        "steps": hints.steps(rules),
        "rules": rules,
        "verify_token": source.verify_token if has_token else "",
    }
    answer = render(request, "webhooks/setup.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@page(CHANGE)
def setup(request: Any, source: str) -> HttpResponse:
    """The address, the verify token and the steps at the provider, at any time."""
    return shown_setup(request, source_of(request, source))


@page(CHANGE)
def edit(request: Any, source: str) -> HttpResponse:
    """Change what may be changed; a scheme of one's own as well."""
    found = source_of(request, source)
    described = _scheme_form(request, found)
    form = ChangeForm(
        request.POST or None,
        initial=initial_of(found),
        place=request.environment,
        scheme=found.rules,
    )
    if request.method == "POST" and request.POST.get("do") == TRY and described is not None:
        return _tried(request, form, described, source=found)
    if request.method == "POST" and _saved(found, form, described):
        messages.success(request, gettext("{source} is changed.").format(source=found))
        return to("webhooks:source", found)
    return _shown(request, form, source=found, scheme=found.rules, scheme_form=described)


def _scheme_form(request: Any, source: Source) -> SchemeForm | None:
    if source.scheme != CUSTOM:
        return None
    return SchemeForm(request.POST) if request.method == "POST" else SchemeForm.of(source.rules)


def _saved(source: Source, form: ChangeForm, described: SchemeForm | None) -> bool:
    """Whether it was changed; else the forms say what was refused."""
    if not form.is_valid() or not (described is None or described.is_valid()):
        return False
    wanted = form.chosen_settings(source.settings)
    if described is not None:
        wanted["scheme"] = described.description
    try:
        services.update_source(
            source,
            name=form.cleaned_data["name"],
            settings=wanted,
            provider=form.chosen_provider(),
        )
    except DomainError as error:
        put(described if described and error.code == "invalid_scheme" else form, error)
        return False
    return True


@page(CHANGE)
def switch(request: Any, source: str) -> HttpResponse:
    """On or off; off refuses everything with the answer of a wrong signature."""
    found = source_of(request, source)
    if request.method == "POST":
        services.update_source(found, is_enabled=request.POST.get("on") == "yes")
        said = gettext("{source} is on.") if found.is_enabled else gettext("{source} is off.")
        messages.success(request, said.format(source=found))
    return to("webhooks:source", found)


@page(CHANGE)
def archive(request: Any, source: str) -> HttpResponse:
    """GET asks again, POST closes the address for good; its events stay."""
    found = source_of(request, source)
    if request.method != "POST":
        return render(request, "webhooks/archive.html", {"source": found})
    services.update_source(found, archive=True)
    messages.success(
        request, gettext("{source} is archived: its address is closed.").format(source=found)
    )
    place = request.environment
    return redirect("webhooks:sources", tenant=place.tenant.slug, environment=place.slug)


def _tried(request: Any, form: ChangeForm, described: SchemeForm, **more: Any) -> HttpResponse:
    """The form again, with what the pasted request shows."""
    trial = TrialForm(request.POST)
    result = None
    if described.is_valid() and trial.is_valid():
        data = trial.cleaned_data
        result = services.try_scheme(
            described.scheme,
            headers=data["headers"],
            body=data["body"],
            secret=data["trial_secret"].strip(),
            url=request.POST.get("public_url", ""),
            source=more.get("source"),
        )
    return _shown(
        request, form, scheme_form=described, trial_form=trial, result=result, status=200, **more
    )


def _shown(request: Any, form: ChangeForm, **context: Any) -> HttpResponse:
    """The form's page: 422 where it was posted and refused."""
    status = context.pop("status", 422 if request.method == "POST" else 200)
    if context.get("scheme_form") is not None:
        context.setdefault("trial_form", TrialForm())
    shown = {
        "form": form,
        "schemes": SCHEMES.values(),
        "your_address": address_of(request),
        "proxies": settings.TRUSTED_PROXIES,
        **context,
    }
    answer = render(request, "webhooks/source_form.html", shown, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
