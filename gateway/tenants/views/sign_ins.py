"""Where a person is signed in, and ending that."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache

from gateway.tenants import services
from gateway.tenants.models import SignIn

PAGE = "account_sessions"


@never_cache
@login_required
def sign_ins(request: Any) -> HttpResponse:
    """Every browser in which this person is signed in, the latest first."""
    here = request.session.session_key
    rows = [(row, row.session_key == here) for row in services.open_sign_ins(request.user)]
    return render(request, "account/sessions.html", {"rows": rows, "tab": "sessions"})


@login_required
def end_sign_in(request: Any, sign_in: str) -> HttpResponse:
    """POST signs out one of the person's own browsers."""
    if request.method == "POST":
        found = get_object_or_404(SignIn.objects.filter(user=request.user).public(sign_in))
        services.end_sign_in(found)
        messages.success(request, gettext("Signed out there."))
    return redirect(PAGE)


@login_required
def end_other_sign_ins(request: Any) -> HttpResponse:
    """POST signs out everywhere but here."""
    if request.method == "POST":
        count = services.end_other_sign_ins(request.user, keep=request.session.session_key)
        said = ngettext(
            "Signed out of {count} other session.", "Signed out of {count} other sessions.", count
        )
        messages.success(request, said.format(count=count))
    return redirect(PAGE)
