"""What processing an event again would lead to, shown before anybody orders it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from audit.canonical import canonical
from gateway.lib.html import page
from gateway.tenants.principals import of_user
from webhooks import services
from webhooks.models import Event
from webhooks.services import DryRun
from webhooks.states import FINAL
from webhooks.views.pages import EventPage

WORDS = {
    "run": _("Feed a run"),
    "start_run": _("Start a run"),
    "action": _("Propose an action"),
    "record": _("Only record"),
    "split": _("Split into its items"),
    "none": _("Nothing: it would be given up"),
}


@page("webhooks.replay_event")
def dry_run(request: Any, event: str) -> HttpResponse:
    """The route that would take it and what would be filled in; nothing happens."""
    rows = Event.objects.within(request.environment).public(event)
    found = get_object_or_404(
        rows.select_related("source__provider", "environment__tenant", "delivery")
    )
    as_new = "as_new" in request.GET
    told = services.dry_run(
        event=found, by=of_user(request.user, request.environment), as_new=as_new
    )
    context = {
        "page": EventPage(request, found),
        "told": told,
        "effect": WORDS.get(told.effect, told.effect),
        "arguments": _shown(told),
        "as_new": as_new,
        "may_order": found.status in FINAL,
    }
    return render(request, "webhooks/dry_run.html", context)


def _shown(told: DryRun) -> str:
    """The filled-in fields as canonical JSON; empty without any."""
    return canonical(dict(told.arguments)).decode() if told.arguments else ""
