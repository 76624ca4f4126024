"""What waits for the person of a request, asked once for side bar, tabs and list."""

from typing import Any

from approvals import services


def waiting(request: Any) -> Any:
    """The actions that wait for them, put aside or not."""
    if not hasattr(request, "waiting_rows"):
        request.waiting_rows = services.waiting_for(request.user, request.environment)
    return request.waiting_rows


def needs(request: Any) -> Any:
    """Those that they have not put aside."""
    return services.not_aside(waiting(request), request.user)


def aside(request: Any) -> Any:
    """Those that they have put aside."""
    return services.aside(waiting(request), request.user)


def needs_count(request: Any) -> int:
    """How many need them."""
    if not hasattr(request, "needs_count"):
        request.needs_count = needs(request).count()
    return int(request.needs_count)
