"""Several actions decided at once: each with its own digest, its own vote and its own record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.forms.bulk import (
    BulkApproveForm,
    BulkAssignForm,
    BulkRejectForm,
    BulkSnoozeForm,
)
from approvals.models import Action
from approvals.states import ActionStatus
from approvals.views.rows import Row
from gateway.lib import ids
from gateway.lib.errors import DomainError
from gateway.lib.html import page
from gateway.tenants.principals import Principal, of_browser
from gateway.tools.models import Risk

MOST = 100
MOST_APPROVED = 25
APPROVABLE = (Risk.LOW, Risk.MEDIUM)
VERBS = {
    "reject": _("Reject"),
    "approve": _("Approve"),
    "snooze": _("Snooze"),
    "assign": _("Assign"),
}
DONE = {
    "reject": _("Rejected {done} of {of}"),
    "approve": _("Approved {done} of {of}"),
    "snooze": _("Snoozed {done} of {of}"),
    "assign": _("Assigned {done} of {of}"),
}

Act = Callable[[Action, Principal, str], object]


@dataclass(frozen=True)
class Outcome:
    """What became of one of them; `error` is why it was left as it is."""

    row: Row
    error: str = ""


class Bulk:
    """What was ticked, and what is to be done with it."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.data = request.POST if request.method == "POST" else request.GET
        verb = self.data.get("verb", "")
        self.verb = verb if verb in VERBS else "reject"
        self.rows = [Row(action) for action in self._ticked()]

    def _ticked(self) -> list[Action]:
        keys = []
        ticked = self.data.getlist("action")
        self.are_too_many = len(ticked) > MOST
        for text in ticked[:MOST]:
            try:
                keys.append(ids.decode(Action.PREFIX, text))
            except ids.BadId:
                continue
        here = Action.objects.within(self.request.environment)
        return here.prefetch_related("approvals").as_lines(keys)

    @property
    def obstacle(self) -> str:
        """Why this cannot be done with all of them; empty where it can."""
        if not self.rows:
            return gettext("No action is ticked. Go back to the inbox and tick some.")
        if self.are_too_many:
            return gettext(
                "At most {most} actions are decided together: go back and tick fewer."
            ).format(most=MOST)
        return self._no_approval() if self.verb == "approve" else ""

    def _no_approval(self) -> str:
        """Only what is alike, and of little risk, is approved in a row."""
        actions = [row.action for row in self.rows]
        if len(actions) > MOST_APPROVED:
            return gettext(
                "At most {most_approved} are approved together; {actions} are ticked."
            ).format(most_approved=MOST_APPROVED, actions=len(actions))
        if any(action.risk not in APPROVABLE for action in actions):
            return gettext("Actions of high or critical risk are approved one by one.")
        if len({action.tool_version_id for action in actions}) > 1:
            return gettext(
                "Only actions of the same tool, in the same version, are approved together."
            )
        if any(row.hidden for row in self.rows):
            return gettext("One of them has hidden characters: it is looked at by itself.")
        return ""

    def form(self) -> Any:
        """What is asked once for all of them."""
        posted = self.request.POST if self.request.method == "POST" else None
        if self.verb == "approve":
            return BulkApproveForm(posted, count=len(self.rows))
        if self.verb == "assign":
            return BulkAssignForm(posted, environment=self.request.environment)
        return BulkRejectForm(posted) if self.verb == "reject" else BulkSnoozeForm(posted)

    def carry_out(self, form: Any) -> list[Outcome]:
        """Each by itself, bound to the digest of its line; one's refusal stops no other."""
        by = of_browser(self.request, self.request.user, self.request.environment)
        return [self._one(row, by, _act(self.verb, form)) for row in self.rows]

    def _one(self, row: Row, by: Principal, act: Act) -> Outcome:
        try:
            act(row.action, by, self.data.get(f"digest-{row.action.public_id}", ""))
        except DomainError as error:
            return Outcome(row, error.detail)
        return Outcome(row)


def _act(verb: str, form: Any) -> Act:
    chosen = form.cleaned_data
    if verb == "approve":
        return lambda action, by, digest: services.approve(
            action=action, by=by, digest=digest, comment=chosen["comment"]
        )
    if verb == "reject":
        return lambda action, by, digest: services.reject(
            action=action, by=by, digest=digest, reason=chosen["text"]
        )
    if verb == "assign":
        return lambda action, by, digest: services.assign(action=action, by=by, to=chosen["to"])
    return lambda action, by, digest: services.snooze(action=action, by=by, until=form.moment)


@page("approvals.decide_action")
def bulk(request: Any) -> HttpResponse:
    """GET shows what each of the ticked would do, POST decides; what was refused is listed."""
    found = Bulk(request)
    form: forms.Form = found.form()
    if request.method == "POST" and not found.obstacle and form.is_valid():
        return _told(request, found, found.carry_out(form))
    if not found.rows and request.method != "POST" and "verb" not in request.GET:
        return redirect(_inbox(request))
    context = _context(request, found) | {"form": form, "obstacle": found.obstacle}
    status = 422 if request.method == "POST" else 200
    return render(request, "approvals/bulk.html", context, status=status)


def _told(request: Any, found: Bulk, outcomes: list[Outcome]) -> HttpResponse:
    failed = [one for one in outcomes if one.error]
    done = [one for one in outcomes if not one.error]
    context = _context(request, found) | {"done": done, "failed": failed}
    context["said"] = DONE[found.verb].format(done=len(done), of=len(outcomes))
    return render(request, "approvals/bulk_done.html", context, status=409 if failed else 200)


def _context(request: Any, found: Bulk) -> dict[str, Any]:
    pending = sum(row.action.status == ActionStatus.PENDING for row in found.rows)
    return {
        "verb": found.verb,
        "word": VERBS[found.verb],
        "rows": found.rows,
        "pending": pending,
        "inbox_url": _inbox(request),
    }


def _inbox(request: Any) -> str:
    place = request.environment
    return reverse("approvals:inbox", args=(place.tenant.slug, place.slug))
