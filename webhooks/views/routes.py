"""The routes of a source: edited as one list, previewed on past events, then replaced at once."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext

from gateway.lib.errors import DomainError
from gateway.lib.formrows import moved
from gateway.lib.html import page, show
from gateway.tools.models import Tool
from webhooks import samples, services
from webhooks.forms import route as rows_
from webhooks.forms.route import Choices, Raw, RouteForm
from webhooks.models import Source
from webhooks.route_templates import templates_of
from webhooks.routing import Rule
from webhooks.services import Previewed
from webhooks.views.lookup import CHANGE, source_of, to
from webhooks.views.pages import VIEW_BODY

NEW: Raw = {"name": "", "when": "true", "effect": "record", "arguments": ""}


@dataclass(frozen=True)
class Line:
    """An event of the preview, and the name of the route that would take it."""

    shown: Previewed
    route: str


@page(CHANGE)
def routes(request: Any, source: str) -> HttpResponse:
    """GET shows the stored routes; POST moves, adds, previews or saves what is in the form."""
    found = source_of(request, source)
    choices = Choices(request.environment)
    if request.method != "POST":
        stored = found.routes.select_related("agent", "provider")
        return _shown(request, found, rows_.unbound([rows_.raw_of(r) for r in stored], choices))
    what = request.POST.get("do", "")
    given = rows_.posted(request.POST)
    if what not in {"save", "preview"}:
        template = request.POST.get("template", "")
        changed = rows_.unbound(_changed(given, what, template, found), choices)
        preview = _on_its_sample(found, template) if what == "use" else None
        return _shown(request, found, changed, preview=preview)
    forms = rows_.bound(given, choices)
    if not all(form.is_valid() for form in forms):
        return _shown(request, found, forms, status=422)
    if what == "save" and request.POST.get("version", "") != str(found.version):
        return _shown(request, found, forms, is_stale=True, status=409)
    if what == "save" and (answer := _saved(request, found, forms)):
        return answer
    if what == "save":
        return _shown(request, found, forms, status=422)
    return _shown(request, found, forms, preview=_preview(request, found, forms))


def _changed(given: list[Raw], what: str, template: str, source: Source) -> list[Raw]:
    """The rows after the pressed button."""
    if what == "add":
        return [*given, dict(NEW)]
    if what == "use":
        return [*given, *_from_template(source, template)]
    return moved(given, what)


def _from_template(source: Source, slug: str) -> list[Raw]:
    return [
        {
            "name": one.title, "when": one.when, "effect": one.effect,
            "arguments": rows_.lines_of(one.arguments),
        }
        for one in templates_of(source.scheme)
        if one.slug == slug
    ]  # fmt: skip


def _on_its_sample(source: Source, slug: str) -> list[Line] | None:
    """What a ready-made route makes of the delivery that it is meant for."""
    one = next((t for t in templates_of(source.scheme) if t.slug == slug and t.sample), None)
    if one is None:
        return None
    sample = samples.sample_of(source.scheme, one.sample)
    rule = Rule(one.title, one.when, one.arguments)
    shown = services.preview_sample(source, sample, [rule])
    return [Line(shown, "" if shown.index is None else one.title)]


def _saved(request: Any, source: Source, forms: list[RouteForm]) -> HttpResponse | None:
    """On to the source's page; None where a form now says what was refused."""
    for form in forms:
        if problem := services.problem_of(source, form.route):
            form.add_error(None, problem.capitalize())
    if any(form.errors for form in forms):
        return None
    try:
        services.replace_routes(source, [form.route for form in forms], by=request.user)
    except DomainError as error:
        forms[0].add_error(None, error.detail)
        return None
    messages.success(request, gettext("The routes count from now on."))
    answer = to("webhooks:source", source)
    if getattr(request, "htmx", None):
        answer = HttpResponse(headers={"HX-Redirect": answer["Location"]})
    return answer


def _preview(request: Any, source: Source, forms: list[RouteForm]) -> list[Line]:
    found = services.preview_routes(source, [form.rule for form in forms])
    return [Line(one, "" if one.index is None else forms[one.index].rule.name) for one in found]


def _shown(
    request: Any,
    source: Source,
    forms: list[RouteForm],
    *,
    preview: list[Line] | None = None,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    place = request.environment
    context = {
        "source": source,
        "forms": forms,
        "templates": templates_of(source.scheme),
        "tools": Tool.objects.within(place).values_list("name", flat=True).order_by("name"),
        "preview": preview,
        "is_stale": is_stale,
        "may_see": request.user.has_perm(VIEW_BODY, place),
    }
    return show(
        request,
        "webhooks/routes.html",
        fragment="webhooks/_routes.html",
        context=context,
        status=status,
    )
