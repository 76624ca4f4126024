"""Pages of the agents: read only, agents are changed through the API."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from gateway.agents.forms import AgentFilter
from gateway.agents.models import EVERY_TOOL, Agent
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.models import ApiKey
from gateway.tools.models import Tool

CSV_HEADER = ("id", "slug", "name", "version", "owner", "provider", "on", "created")


def _agents(request: Any) -> Any:
    return Agent.objects.within(request.environment).select_related("owner__user", "provider")


@page("agents.view_agent")
def index(request: HttpRequest) -> HttpResponse:
    """Every agent of the environment."""
    filters = AgentFilter(request.GET)
    agents = filters.narrow(_agents(request))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "agents", header=CSV_HEADER, rows=map(_cells, agents))
    page_obj = paged(request, agents)
    context = {"rows": page_obj.object_list, "page_obj": page_obj, "filters": filters}
    return render(request, "agents/list.html", context)


@page("agents.view_agent")
def detail(request: Any, agent: str) -> HttpResponse:
    """One agent: who owns it, what it may call, its keys."""
    found = get_object_or_404(_agents(request).public(agent))
    keys = ApiKey.objects.within(request.environment).filter(agent_id=found.pk).order_by("-id")
    context = {
        "agent": found,
        "grants": _grants(found),
        "keys": [(key, _key_state(key)) for key in keys],
    }
    return render(request, "agents/detail.html", context)


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
