"""Pages of the tools: what agents may ask for, on and off, imports and what has become of them."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from gateway.lib.errors import Conflict, DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tools import examples, history, schema, services
from gateway.tools.forms import ImportForm, ToolFilter
from gateway.tools.models import Tool
from gateway.tools.render import render_effect

VIEW, CHANGE = "tools.view_tool", "tools.change_tool"
CSV_HEADER = (
    "id", "name", "class", "retry", "risk", "connector", "operation", "on", "created",
    "definition_changed",
)  # fmt: skip
MAX_VERSIONS = 20


def _tools(request: Any) -> Any:
    tools = Tool.objects.within(request.environment).filter(archived_at__isnull=True)
    return tools.filter(current__isnull=False).select_related("current__connection")


@page(VIEW)
def index(request: Any) -> HttpResponse:
    """Every tool of the environment."""
    filters = ToolFilter(request.GET)
    tools = filters.narrow(_tools(request))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "tools", header=CSV_HEADER, rows=map(_cells, tools))
    page_obj = paged(request, tools)
    context = {
        "rows": page_obj.object_list,
        "page_obj": page_obj,
        "filters": filters,
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "tools/list.html", context)


@page(VIEW)
def detail(request: Any, tool: str) -> HttpResponse:
    """One tool: its class, its request, its schema, its versions, and what is to be decided."""
    return _detail(request, get_object_or_404(_tools(request).public(tool)))


@page(CHANGE)
def switch(request: Any, tool: str) -> HttpResponse:
    """GET asks again, POST switches the tool on or off; one that lacks something says what."""
    found = get_object_or_404(_tools(request).public(tool))
    lacking = services.missing_blocks(found.current)
    if request.method != "POST":
        return render(request, "tools/switch.html", {"tool": found, "missing": lacking})
    is_on = request.POST.get("on") == "yes"
    try:
        services.switch(found, on=is_on)
    except DomainError as error:
        context = {"tool": found, "missing": lacking, "error": error.detail}
        return render(request, "tools/switch.html", context, status=422)
    said = gettext("The tool {tool} is on.") if is_on else gettext("The tool {tool} is off.")
    messages.success(request, said.format(tool=found.name))
    return _to(request, found)


@page(CHANGE)
def drift(request: Any, tool: str) -> HttpResponse:
    """Decide about what an upstream says of its tool now; a GET shows the tool's page."""
    found = get_object_or_404(_tools(request).public(tool))
    if request.method != "POST":
        return _to(request, found)
    is_accepted = request.POST.get("decision") == "accept"
    decide = services.accept_drift if is_accepted else services.keep_pinned
    try:
        decided = decide(found, sha256=request.POST.get("sha256", ""))
    except DomainError as error:
        found.refresh_from_db()
        status = 409 if isinstance(error, Conflict) else 422
        return _detail(request, found, error=error.detail, status=status)
    words = gettext("has a new version") if is_accepted else gettext("stays as it was accepted")
    messages.success(
        request, gettext("The tool {decided} {words}.").format(decided=decided.name, words=words)
    )
    return _to(request, decided)


@page(CHANGE)
def import_document(request: Any) -> HttpResponse:
    """Paste a document, see what it would make, then make the chosen tools (off)."""
    form = ImportForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "tools/import.html", {"form": form}, status=status)
    try:
        if request.POST.get("do") == "create":
            chosen = request.POST.getlist("operation")
            services.import_tools(request.environment, operations=chosen, **form.cleaned_data)
            messages.success(
                request,
                gettext("Imported from {cleaned_data}; all are off.").format(
                    cleaned_data=form.cleaned_data["name"]
                ),
            )
            where = (request.environment.tenant.slug, request.environment.slug)
            return redirect("tools:list", *where)
        reading = services.read_document(request.environment, **form.cleaned_data)
    except DomainError as error:
        form.add_error("document", error.detail)
        return render(request, "tools/import.html", {"form": form}, status=422)
    return render(request, "tools/import.html", {"form": form, "reading": reading})


def _detail(request: Any, tool: Tool, *, error: str = "", status: int = 200) -> HttpResponse:
    now = tool.current
    versions = list(tool.versions.order_by("-number")[:MAX_VERSIONS])
    pairs = zip(versions, [*versions[1:], None], strict=True)
    proposal = services.proposal_of(tool)
    if proposal:
        proposal["changes"] = history.changes(proposal["before"], proposal["after"] or {})
    call = examples.example(now.input_schema) if now else {}
    context = {
        "tool": tool,
        "versions": [(new, _changes(old, new)) for new, old in pairs],
        "proposal": proposal,
        "pin": getattr(tool, "pin", None),
        "missing": services.missing_blocks(now) if now else [],
        "warnings": schema.warnings(now.input_schema) if now else (),
        "call": call,
        "example": render_effect(now.effect, call) if now else "",
        "error": error,
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "tools/detail.html", context, status=status)


def _changes(old: Any, new: Any) -> list[history.Part]:
    if old is None:
        return []
    return history.changes(services.definition_of(old), services.definition_of(new))


def _to(request: Any, tool: Tool) -> HttpResponse:
    where = (request.environment.tenant.slug, request.environment.slug)
    return redirect("tools:detail", *where, tool.public_id)


def _cells(tool: Any) -> tuple[object, ...]:
    now = tool.current
    kind = (now.side_effect, now.retry_class, now.risk, now.connector, now.operation)
    return (
        tool.public_id, tool.name, *kind, tool.is_enabled, tool.created_at, now.created_at,
    )  # fmt: skip
