"""The front door: where a person lands after signing in."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from approvals.models import Action
from gateway.tenants.models import Environment, User

LAST_PLACE = "place"


@login_required
def home(request: Any) -> HttpResponse:
    """The inbox of the environment last used, else of the one where something happened last.

    Who may only read the audit log lands there; who has no role yet is told so.
    """
    environment = _best(request.user, request.session.get(LAST_PLACE, ""))
    if environment is not None:
        return redirect("approvals:inbox", environment.tenant.slug, environment.slug)
    for place in _held(request.user):
        if request.user.has_perm("audit.view_record", place):
            return redirect("audit:records", place.tenant.slug, place.slug)
    if _held(request.user).exists() or request.user.is_superuser:
        return redirect(f"/{settings.ADMIN_PATH}")
    context = {
        "status": 403,
        "title": gettext("No role yet"),
        "detail": gettext("You are signed in, but nobody has given you a role."),
        "hint": gettext("An administrator of your organisation can do that on the members page."),
    }
    return render(request, "error.html", context, status=403)


def service_worker(_request: Any) -> HttpResponse:
    """The script that shows push messages, at the top so that it may do so for every page."""
    text = (settings.BASE_DIR / "static" / "js" / "sw.js").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _held(user: User) -> Any:
    places = Environment.objects.filter(
        roles__member__user=user, roles__member__deactivated_at__isnull=True
    )
    return places.select_related("tenant").distinct().order_by("created_at")


def _best(user: User, last: str) -> Environment | None:
    places = [env for env in _held(user) if user.has_perm("approvals.view_action", env)]
    if remembered := [env for env in places if str(env.pk) == last]:
        return remembered[0]
    newest = Action.objects.filter(environment__in=places).order_by("-id").first()
    found = [env for env in places if newest and env.pk == newest.environment_id]
    return next(iter(found or places), None)
