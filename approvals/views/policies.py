"""The policies in the order in which they are asked: listed, moved, switched."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from approvals import services
from approvals.models import Policy
from approvals.policy.comparing import DISAGREEMENTS
from approvals.policy.words import asks
from approvals.services.disagreements import counts_of
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, show

VIEW, CHANGE = "approvals.view_policy", "approvals.change_policy"
RULE_HEADER = ("policy", "version", "on", "rule", "when", "verdict", "asks", "reason")


@page(VIEW)
def policies(request: Any) -> HttpResponse:
    """The rules of the environment, in the order in which they are asked."""
    found = list(Policy.objects.within(request.environment).select_related("trial"))
    if request.GET.get("format") == "csv":
        rows = (_rule_cells(policy, shown(rule)) for policy in found for rule in policy.rules)
        return csv_answer(request, "policies", header=RULE_HEADER, rows=rows)
    counts = counts_of([policy for policy in found if policy.trial])
    context = {
        "may_change": request.user.has_perm(CHANGE, request.environment),
        "policies": [
            (policy, [shown(rule) for rule in policy.rules], _disagreeing(policy, counts))
            for policy in found
        ],
    }
    return show(
        request, "approvals/policies.html", fragment="approvals/policies.html", context=context
    )


@page(CHANGE)
def move(request: Any, policy: str) -> HttpResponse:
    """Let a policy be asked before its neighbour, or after it."""
    found = policy_of(request, policy)
    if request.method == "POST":
        services.move_policy(found, up=request.POST.get("to") == "up")
    return redirect(at(request, "approvals:policies"))


@page(CHANGE)
def switch(request: Any, policy: str) -> HttpResponse:
    """Turn a policy on or off, with the reason."""
    found = policy_of(request, policy)
    if request.method != "POST":
        return back(request, found)
    enabled = request.POST.get("to") == "on"
    return done(
        request, found,
        lambda: services.change_policy(
            found, enabled=enabled, comment=request.POST.get("comment", "")
        ),
        gettext("The policy counts again.") if enabled else gettext("The policy counts no more."),
    )  # fmt: skip


def done(request: Any, policy: Policy, act: Any, words: str) -> HttpResponse:
    """Back to the policy's page with the news, or with what was refused."""
    try:
        act()
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, words)
    return back(request, policy)


def back(request: Any, policy: Policy) -> HttpResponse:
    """To the policy's page, also for whoever opens what only a button of it may send."""
    return redirect(at(request, "approvals:policy", policy=policy.public_id))


def policy_of(request: Any, public_id: str) -> Policy:
    """The policy of this environment; 404 for any other."""
    rows = Policy.objects.within(request.environment).public(public_id)
    found: Policy | None = rows.select_related("trial", "environment__tenant").first()
    if found is None:
        raise Http404
    return found


def must_change(request: Any) -> None:
    """Raises PermissionDenied unless this person may change policies here."""
    if not request.user.has_perm(CHANGE, request.environment):
        raise PermissionDenied(CHANGE)


def at(request: Any, name: str, **parts: str) -> str:
    """The address of a page in the environment of this one."""
    place = request.environment
    return reverse(name, kwargs={"tenant": place.tenant.slug, "environment": place.slug, **parts})


def shown(rule: dict[str, Any]) -> dict[str, Any]:
    """A stored rule with what it asks for in words, one thing a line."""
    lines = asks(rule)
    return {**rule, "asks": "; ".join(lines), "lines": lines}


def _disagreeing(policy: Policy, counts: dict[Any, Any]) -> int:
    number = policy.trial.number if policy.trial else 0
    found = counts.get((policy.public_id, number), {})
    return sum(found.get(change, 0) for change in DISAGREEMENTS)


def _rule_cells(policy: Policy, rule: dict[str, Any]) -> tuple[object, ...]:
    names = ("name", "when", "verdict", "asks", "reason")
    return (policy.name, policy.version, policy.is_enabled, *(rule.get(name) for name in names))
