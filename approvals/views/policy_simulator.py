"""The simulator: what the rules say of one past action, or of a call that nobody made."""

import json
from typing import Any

from django.http import HttpResponse

from approvals.models import Action
from approvals.policy.words import asks
from approvals.policy_forms import SimulatorForm
from approvals.services import simulating
from approvals.services.simulating import Draft, Simulated
from approvals.views.policies import VIEW, policy_of
from gateway.agents.models import Agent
from gateway.lib.errors import DomainError, Refused
from gateway.lib.html import page, show


@page(VIEW)
def simulate(request: Any) -> HttpResponse:
    """GET shows the form, filled in by `?action=`; POST asks."""
    place = request.environment
    if request.method != "POST":
        return _shown(request, SimulatorForm(initial=request.GET.dict(), place=place))
    form = SimulatorForm(request.POST, place=place)
    if not form.is_valid():
        return _shown(request, form, status=422)
    try:
        return _shown(request, form, found=_asked(request, form.cleaned_data))
    except DomainError as error:
        form.add_error(None, error.detail)
        return _shown(request, form, status=422)


def _asked(request: Any, data: dict[str, Any]) -> Simulated:
    place, draft = request.environment, _draft(request, data["policy"])
    if data["action"]:
        rows = Action.objects.within(place).public(data["action"].strip())
        action = rows.select_related("environment__tenant").first()
        if action is None:
            raise Refused("unknown_action", "There is no such action in this environment.")
        return simulating.simulate_action(action, draft)
    agent = Agent.objects.within(place).public(data["agent"]).get()
    return simulating.simulate_call(
        place, agent=agent, tool=data["tool"], arguments=data["arguments"], draft=draft
    )


def _draft(request: Any, public_id: str) -> Draft | None:
    if not public_id:
        return None
    policy = policy_of(request, public_id)
    return Draft(policy.trial.rules, policy) if policy.trial else None


def _shown(
    request: Any, form: SimulatorForm, *, found: Simulated | None = None, status: int = 200
) -> HttpResponse:
    facts = json.dumps(found.facts, indent=2, ensure_ascii=False) if found else ""
    context = {"form": form, "found": found, "facts": facts, "asks": _asks(found)}
    name = "approvals/policy_simulate.html"
    return show(request, name, fragment=name, context=context, status=status)


def _asks(found: Simulated | None) -> str:
    """What the deciding rule asks for, in the words of rules."""
    asked = found.said.requirement if found else None
    if asked is None:
        return ""
    said = {name: value for name, value in asked.as_dict().items() if value}
    rule = {"name": "asked", "when": "true", "verdict": "require_approval", **said}
    return "; ".join(asks(rule))
