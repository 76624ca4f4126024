"""What a page about one action answers: the action, a form that asks again, or a refusal."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from approvals.models import Action
from approvals.services import STEP_UP_NEEDED
from approvals.views.card import Card
from approvals.views.powers import step_up_url
from gateway.lib.errors import Conflict, Denied, DomainError, Refused
from gateway.lib.html import is_fragment
from gateway.tenants.principals import Principal, of_browser

HEADINGS = {
    "approve": _("Approve action"),
    "reject": _("Reject action"),
    "edit": _("Edit action"),
    "cancel": _("Cancel action"),
    "snooze": _("Snooze action"),
    "assign": _("Assign action"),
    "extend": _("Extend action"),
    "undo": _("Undo action"),
    "comment": _("Comment on the action"),
    "break_glass": _("Decide alone"),
    "reconcile": _("Say what became of it"),
    "run_again": _("Run it again"),
    "compensate": _("Undo it"),
}
STATUS = {Refused: 422, Denied: 403, Conflict: 409}
BALLOT = ("approve", "reject", "edit")
SAID_LENGTH = 160
Decide = Callable[[Action, Principal], object]


def find_action(request: Any, action: str) -> Action:
    """The action of this environment with this id, as its page needs it; raises Http404."""
    rows = Action.objects.within(request.environment).public(action)
    return get_object_or_404(rows.for_lists().select_related("tool_version__connection"))


def carry_out(request: Any, action: Action, decide: Decide, *, said: str) -> HttpResponse:
    """Call the service; a refusal shows the action as it stands now, and why."""
    try:
        decide(action, of_browser(request, request.user, request.environment))
    except DomainError as error:
        if error.code == STEP_UP_NEEDED:
            return _lead_to(request, step_up_url(action))
        return refused(request, action, error)
    return done(request, action, said=said)


def done(request: Any, action: Action, *, said: str) -> HttpResponse:
    """The action as it is now, and a line that says what was done."""
    fresh = find_action(request, action.public_id)
    line = f"{said}: {fresh.effect}"
    if not is_fragment(request):
        messages.success(request, line)
        return to_page(request, action)
    card = Card(request, fresh)
    answer = show_action(request, card, has_count=True)
    # Who can still decide it goes on with it: the focus stays. A header has little room.
    told = {"said": Truncator(line).chars(SAID_LENGTH), "stays": card.ballot.can_decide}
    answer["HX-Trigger"] = json.dumps({"cs:decided": told})
    return answer


def to_page(request: Any, action: Action) -> HttpResponse:
    """To the action's page, also for whoever opens what only a button of it may send."""
    return redirect(Card(request, action).url)


def refused(request: Any, action: Action, error: DomainError) -> HttpResponse:
    """The action as it stands, and why nothing was done."""
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    name = "conflict" if status == 409 else "refused"
    card = Card(request, find_action(request, action.public_id))
    return show_action(request, card, status=status, note={name: error.detail})


def _lead_to(request: Any, url: str) -> HttpResponse:
    """A page that has to come first; htmx opens it as a whole page."""
    return HttpResponseClientRedirect(url) if is_fragment(request) else redirect(url)


def ask(request: Any, action: Action, form: Any, *, kind: str) -> HttpResponse:
    """The form on a page of its own; for htmx, with its errors, in its dialog.

    Nobody is asked what is decided already, as by the back button: the action's page follows.
    """
    card = Card(request, action)
    if request.method == "GET" and kind in BALLOT and not card.is_open:
        state = {"state": action.get_status_display().lower()}
        text = _("It is %(state)s already: there is nothing to decide any more.")
        messages.info(request, text % state)
        return to_page(request, action)
    status = 422 if request.method == "POST" else 200
    context = {
        "card": card,
        "form": form,
        "heading": HEADINGS[kind],
        "form_template": f"approvals/_{kind}_form.html",
        "is_pane": "pane" in request.POST,
    }
    if not is_fragment(request):
        return render(request, "approvals/decide.html", context, status=status)
    answer = render(request, context["form_template"], context, status=status)
    answer["HX-Retarget"] = f"#{kind}-form"
    return answer


def show_action(
    request: Any,
    card: Card,
    *,
    status: int = 200,
    has_count: bool = False,
    note: dict[str, str] | None = None,
) -> HttpResponse:
    """The action's page; the fragment alone for htmx."""
    is_pane = "pane" in request.GET or "pane" in request.POST
    context = {"card": card, "is_pane": is_pane, "has_count": has_count, **(note or {})}
    name = "approvals/_answer.html" if is_fragment(request) else "approvals/detail.html"
    answer = render(request, name, context, status=status)
    answer["Vary"] = "HX-Request"
    return answer
