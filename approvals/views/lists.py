"""Lists of actions and the policies in force."""

from typing import Any

from django.http import HttpResponse

from approvals.forms import ActionFilter
from approvals.models import Action, Policy
from approvals.policy import words
from approvals.views.rows import Row
from gateway.lib.html import csv_answer, page, paged, show

CSV_HEADER = (
    "id", "status", "risk", "tool", "agent", "effect", "reason", "proposed", "settled",
)  # fmt: skip
RULE_HEADER = ("policy", "version", "on", "rule", "when", "verdict", "asks", "reason")
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


@page("approvals.view_policy")
def policies(request: Any) -> HttpResponse:
    """The rules of the environment, in the order in which they are asked."""
    found = list(Policy.objects.within(request.environment))
    if request.GET.get("format") == "csv":
        rows = (_rule_cells(policy, _rule(rule)) for policy in found for rule in policy.rules)
        return csv_answer(request, "policies", header=RULE_HEADER, rows=rows)
    context = {"policies": [(policy, [_rule(r) for r in policy.rules]) for policy in found]}
    return show(
        request, "approvals/policies.html", fragment="approvals/policies.html", context=context
    )


def cells(action: Action) -> tuple[object, ...]:
    """An action as a line of a file."""
    what = (action.tool_name, action.agent.slug, Row(action).effect, action.reason)
    state = (action.public_id, action.status, action.risk)
    return (*state, *what, action.created_at, action.settled_at)


def _rule_cells(policy: Policy, rule: dict[str, Any]) -> tuple[object, ...]:
    names = ("name", "when", "verdict", "asks", "reason")
    return (policy.name, policy.version, policy.is_enabled, *(rule.get(name) for name in names))


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A stored rule with what it asks for in words."""
    lines = words.asks(rule)
    return {**rule, "asks": "; ".join(lines), "lines": lines}
