"""How a person likes the desk."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from gateway.tenants import services
from gateway.tenants.forms import PreferencesForm
from gateway.tenants.key_forms import KeysForm

THEME_COOKIE = "cs-theme"


@login_required
def preferences(request: Any) -> HttpResponse:
    """Theme, density, time zone, language, single keys and the layout of changes."""
    form = PreferencesForm(request.POST or None, user=request.user)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        context = {"form": form, "tab": "preferences"}
        return render(request, "account/preferences.html", context, status=status)
    services.change_preferences(request.user, **form.cleaned_data)
    messages.success(request, gettext("Saved."))
    answer = redirect("account_preferences")
    # What the moon button chose for this browser gives way to what was chosen here.
    answer.delete_cookie(THEME_COOKIE)
    return answer


@login_required
def keys(request: Any) -> HttpResponse:
    """The single keys, one by one; `usual` takes all back to what they are at first."""
    if request.method == "POST" and "usual" in request.POST:
        services.change_preferences(request.user, keys="")
        messages.success(request, gettext("All keys are the usual ones again."))
        return redirect("account_keys")
    form = KeysForm(request.POST or None, user=request.user)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(
            request, "account/keys.html", {"form": form, "tab": "preferences"}, status=status
        )
    services.change_preferences(request.user, keys=form.stored)
    messages.success(request, gettext("Saved."))
    return redirect("account_keys")
