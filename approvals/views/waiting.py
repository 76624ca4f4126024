"""What waits for the person of a request, and what they may: asked once for all parts of a page."""

from typing import Any

from approvals import services
from gateway.tenants.principals import Principal, of_user

# More than anybody puts aside by hand; beyond it the database compares by itself.
MOST_SNOOZED = 500


def may(request: Any, permission: str) -> bool:
    """Whether the person has this permission here."""
    if not hasattr(request, "principal_here"):
        request.principal_here = of_user(request.user, request.environment)
    here: Principal = request.principal_here
    return here.has(permission)


def waiting(request: Any) -> Any:
    """The actions that wait for them, put aside or not."""
    if not hasattr(request, "waiting_rows"):
        request.waiting_rows = services.waiting_for(request.user, request.environment)
    return request.waiting_rows


def needs(request: Any) -> Any:
    """Those that they have not put aside."""
    rows = waiting(request)
    return rows.exclude(pk__in=_snoozed(request)) if _snoozed(request) else rows


def aside(request: Any) -> Any:
    """Those that they have put aside."""
    rows = waiting(request)
    return rows.filter(pk__in=_snoozed(request)) if _snoozed(request) else rows.none()


def needs_count(request: Any) -> int:
    """How many need them."""
    if not hasattr(request, "needs_count"):
        request.needs_count = needs(request).count()
    return int(request.needs_count)


def _snoozed(request: Any) -> Any:
    """What they have put aside: mostly nothing, and then nobody looks for it in ten thousand."""
    if not hasattr(request, "snoozed_rows"):
        rows = services.snoozed(request.user).values_list("action_id", flat=True)
        found = list(rows[: MOST_SNOOZED + 1])
        request.snoozed_rows = rows if len(found) > MOST_SNOOZED else found
    return request.snoozed_rows
