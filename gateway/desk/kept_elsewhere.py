"""Who else keeps the tenant's log: how far each is, why one fails, and sending again."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.lib.html import page
from gateway.outlets import services
from gateway.outlets.models import Kind, Outlet
from gateway.tenants.principals import of_user

VIEW, EXPORT = "audit.view_record", "audit.export_record"
WHAT = {Kind.CHECKPOINTS: _("Signed checkpoints"), Kind.RECORDS: _("Every record")}


@dataclass(frozen=True)
class Line:
    """One outlet as the list shows it."""

    row: Outlet

    @property
    def what(self) -> str:
        """What is delivered."""
        return str(WHAT[Kind(self.row.kind)])

    @cached_property
    def behind(self) -> int:
        """How many leaves it lacks."""
        return services.behind(self.row)

    @property
    def state(self) -> str:
        """In one word."""
        if not self.row.is_open:
            return "no_longer_sent"
        if self.row.failures:
            return "not_taken"
        return "behind" if self.behind else "up_to_date"


class SendForm(forms.Form):
    """From which leaf on; without one, only what waits."""

    first = forms.IntegerField(required=False, min_value=0)


@page(VIEW)
def index(request: Any) -> HttpResponse:
    """Where the log goes, and how far."""
    rows = Outlet.objects.of_log(request.environment.tenant.public_id).order_by("-is_open", "kind")
    context = {
        "rows": [Line(row) for row in rows],
        "may_send": request.user.has_perm(EXPORT, request.environment),
    }
    return render(request, "audit/outlets.html", context)


@page(EXPORT)
@require_POST
def send(request: Any, outlet: str) -> HttpResponse:
    """Deliver now what waits, or again from a leaf on."""
    row, form = _outlet(request, outlet), SendForm(request.POST)
    by = of_user(request.user, request.environment).actor
    try:
        if not form.is_valid():
            raise Refused("invalid", "The leaf to send from is a number from 0 on.")
        first = form.cleaned_data["first"]
        services.send_again(
            row, row.position if first is None else first,
            by=by, scope=request.environment.tenant.audit_scope,
        )  # fmt: skip
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        messages.info(request, "It is being delivered: look again in a moment.")
    place = request.environment
    return redirect("audit:outlets", tenant=place.tenant.slug, environment=place.slug)


def _outlet(request: Any, public_id: str) -> Outlet:
    try:
        pk = ids.decode(Outlet.PREFIX, public_id)
    except ids.BadId as error:
        raise Http404 from error
    row: Outlet | None = (
        Outlet.objects.of_log(request.environment.tenant.public_id).filter(pk=pk).first()
    )
    if row is None:
        raise Http404
    return row
