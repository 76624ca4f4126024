"""The budgets of one agent, for its page."""

from typing import Any

from django import template

from gateway.budgets.bars import Bar
from gateway.budgets.services import Subjects, look

register = template.Library()


@register.inclusion_tag("budgets/_of_agent.html", takes_context=True)
def budgets_of_agent(context: template.Context, slug: str) -> dict[str, Any]:
    """The budgets that count this agent's use, by itself or with others, as they stand now."""
    request: Any = context["request"]
    standings = look(request.environment, Subjects(agent=slug))
    return {
        "request": request,
        "bars": [Bar(standing.budget, standing.as_counter) for standing in standings],
        "may_change": request.user.has_perm("budgets.change_budget", request.environment),
    }
