"""The list of actions."""

from typing import Any

from django.http import HttpResponse

from approvals.forms import ActionFilter
from approvals.models import Action
from approvals.views.rows import Row
from gateway.lib.html import csv_answer, page, paged, show

CSV_HEADER = (
    "id", "status", "risk", "tool", "agent", "effect", "reason", "proposed", "settled",
)  # fmt: skip
FILTERS = ("q", "status", "risk", "tool", "agent")


@page("approvals.view_action")
def actions(request: Any) -> HttpResponse:
    """Every action of the environment, newest first."""
    form = ActionFilter(request.GET)
    found = form.narrow(Action.objects.within(request.environment)).for_lists()
    if request.GET.get("format") == "csv":
        return csv_answer(request, "actions", header=CSV_HEADER, rows=map(cells, found))
    page_obj = paged(request, found)
    context = {
        "page_obj": page_obj,
        "rows": [Row(action) for action in page_obj.object_list],
        "filters": [form[name] for name in FILTERS],
    }
    return show(request, "approvals/list.html", fragment="approvals/_list.html", context=context)


def cells(action: Action) -> tuple[object, ...]:
    """An action as a line of a file."""
    what = (action.tool_name, action.agent.slug, Row(action).effect, action.reason)
    state = (action.public_id, action.status, action.risk)
    return (*state, *what, action.created_at, action.settled_at)
