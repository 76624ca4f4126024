"""Pages of the agents: who they are, what they may call, changing them, on and off."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext

from gateway.agents import services
from gateway.agents.caps import in_words
from gateway.agents.forms import AgentFilter, AgentForm
from gateway.agents.models import EVERY_TOOL, Agent
from gateway.lib.errors import Conflict, DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.models import ApiKey
from gateway.tenants.principals import is_maker_behind
from gateway.tools.models import Tool

VIEW, CHANGE = "agents.view_agent", "agents.change_agent"
CSV_HEADER = ("id", "slug", "name", "version", "owner", "provider", "on", "created")


def _agents(request: Any) -> Any:
    return Agent.objects.within(request.environment).select_related(
        "owner__user", "provider", "fallback_provider"
    )


@page(VIEW)
def index(request: Any) -> HttpResponse:
    """Every agent of the environment."""
    filters = AgentFilter(request.GET)
    agents = filters.narrow(_agents(request))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "agents", header=CSV_HEADER, rows=map(_cells, agents))
    page_obj = paged(request, agents)
    context = {
        "rows": page_obj.object_list,
        "page_obj": page_obj,
        "filters": filters,
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "agents/list.html", context)


@page(VIEW)
def detail(request: Any, agent: str) -> HttpResponse:
    """One agent: who owns it, what it may call, its keys."""
    found = get_object_or_404(_agents(request).public(agent))
    keys = ApiKey.objects.within(request.environment).filter(agent_id=found.pk).order_by("-id")
    keys = keys.select_related("made_by")
    context = {
        "agent": found,
        "grants": _grants(found),
        "caps": in_words(found.caps, say=gettext),
        "may_change": request.user.has_perm(CHANGE, request.environment),
        "keys": [(key, _key_state(key)) for key in keys],
        "is_maker_behind": is_maker_behind(request.environment),
    }
    return render(request, "agents/detail.html", context)


@page(CHANGE)
def new(request: Any) -> HttpResponse:
    """A form for an agent more."""
    form = AgentForm(request.POST or None, environment=request.environment, agent=None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    slug = form.cleaned_data["slug"]
    try:
        made = services.create(request.environment, slug=slug, **form.changes)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(request, form)
    messages.success(
        request,
        gettext("Agent {agent} is there. Give it a key or a provider.").format(agent=made.slug),
    )
    return _to(request, made)


@page(CHANGE)
def edit(request: Any, agent: str) -> HttpResponse:
    """The form of one agent; a change meanwhile is said, not overwritten (409)."""
    found = get_object_or_404(_agents(request).public(agent))
    form = AgentForm(request.POST or None, environment=request.environment, agent=found)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    try:
        changed = services.update(found, version=form.cleaned_data["version"], **form.changes)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(request, form, status=409 if isinstance(error, Conflict) else 422)
    messages.success(
        request,
        gettext("Saved: {agent} has version {version}.").format(
            agent=changed.slug, version=changed.version
        ),
    )
    return _to(request, changed)


@page(CHANGE)
def switch(request: Any, agent: str) -> HttpResponse:
    """GET asks again, POST switches the agent on or off."""
    found = get_object_or_404(_agents(request).public(agent))
    if request.method != "POST":
        return render(request, "agents/switch.html", {"agent": found})
    is_on = request.POST.get("on") == "yes"
    services.update(found, is_enabled=is_on)
    said = gettext("Agent {agent} is on.") if is_on else gettext("Agent {agent} is off.")
    messages.success(request, said.format(agent=found.slug))
    return _to(request, found)


def _form(request: Any, form: AgentForm, *, status: int = 422) -> HttpResponse:
    status = status if request.method == "POST" else 200
    context = {"form": form, "agent": form.agent}
    return render(request, "agents/form.html", context, status=status)


def _to(request: Any, agent: Agent) -> HttpResponse:
    where = (request.environment.tenant.slug, request.environment.slug)
    return redirect("agents:detail", *where, agent.public_id)


def _grants(agent: Agent) -> list[dict[str, Any]]:
    """The agent's tools with the row of each, where there is one."""
    tools = {tool.name: tool for tool in Tool.objects.within(agent.environment)}
    return [
        {
            "name": grant["name"],
            "scope": grant.get("scope", ""),
            "tool": tools.get(grant["name"]),
            "is_every": grant["name"] == EVERY_TOOL,
        }
        for grant in agent.tools
    ]


def _key_state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "enabled" if key.is_valid_at(timezone.now()) else "expired"


def _cells(agent: Agent) -> tuple[object, ...]:
    who = (agent.owner, agent.provider)
    name = (agent.public_id, agent.slug, agent.name, agent.version)
    return (*name, *who, agent.is_enabled, agent.created_at)
