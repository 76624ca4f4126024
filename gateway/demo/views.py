"""Removing the demo by one press, after one question."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from gateway.demo import cast, removing
from gateway.lib.errors import DomainError
from gateway.lib.html import page
from gateway.tenants.principals import of_user


@page(removing.CHANGE)
def remove(request: Any) -> HttpResponse:
    """GET asks again and says what goes, POST removes it; there is nothing but the demo's here."""
    tenant = request.environment.tenant
    if tenant.slug != cast.TENANT:
        raise Http404
    if request.method != "POST":
        return render(request, "demo/remove.html")
    try:
        removing.remove(tenant=tenant, by=of_user(request.user, request.environment))
    except DomainError as error:
        messages.error(request, error.detail)
        return redirect(request.path)
    return redirect("home")
