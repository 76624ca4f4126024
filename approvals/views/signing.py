"""Asking a member's passkey to sign the digest that is shown, and taking what it signed."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from approvals import services
from approvals.models import Action
from approvals.states import ActionStatus
from approvals.views.answers import find_action, to_page
from gateway.lib.errors import Denied
from gateway.lib.html import page
from gateway.tenants import services as tenants
from gateway.tenants.principals import Principal, of_browser


@page("approvals.view_action")
def challenge(request: Any, action: str) -> HttpResponse:
    """POST gives what a passkey of this person is to sign; anything else leads to the action."""
    found = find_action(request, action)
    if request.method != "POST":
        return to_page(request, found)
    by = of_browser(request, request.user, request.environment)
    try:
        _check(found, by)
        options = tenants.ask_passkey(by, digest=found.digest)
    except Denied as error:
        return _json({"detail": error.detail}, status=403)
    return _json(options, status=200)


def signed(by: Principal, *, digest: str, assertion: str) -> Principal:
    """The principal with what their passkey signed; as they were where it signed nothing."""
    return tenants.take_answer(by, digest=digest, given=assertion) if assertion else by


def _check(action: Action, by: Principal) -> None:
    """Raises Denied for who decides neither with the others nor alone, nor runs it again."""
    if action.status == ActionStatus.UNKNOWN:
        services.may_run_again(action, by)
        return
    try:
        services.may_decide(action, by)
    except Denied:
        if not by.has("approvals.break_glass"):
            raise
        services.may_decide_alone(action, by)


def _json(content: dict[str, Any], *, status: int) -> JsonResponse:
    answer = JsonResponse(content, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
