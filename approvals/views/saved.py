"""Saved views of the inbox: what the list offers; saving, opening, changing, removing one."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from approvals import services
from approvals.forms.views import SaveViewForm
from approvals.models import SavedView
from approvals.services.saving import CLEAR, SHARE, kept_query
from approvals.views.rows import place
from approvals.views.waiting import may
from gateway.lib.errors import DomainError
from gateway.lib.html import page
from gateway.tenants.principals import of_user

VIEW = "approvals.view_action"


@dataclass(frozen=True)
class Offered:
    """One saved view as the inbox offers it."""

    view: SavedView
    url: str
    is_current: bool
    is_own: bool
    change_url: str
    remove_url: str

    @property
    def whose(self) -> str:
        """Whose it is, where that is not the reader."""
        return "" if self.is_own else gettext("shared by {owner}").format(owner=self.view.owner)


class Views:
    """What one person finds under Views: two queries."""

    def __init__(self, request: Any, inbox_url: str) -> None:
        self.query = kept_query(request.GET)
        self.may_share = may(request, SHARE)
        may_clear = may(request, CLEAR)
        rows = SavedView.objects.within(request.environment).seen_by(request.user)
        self.offered = [
            Offered(
                view=view,
                url=_opened(view, inbox_url),
                is_current=view.query == self.query,
                is_own=is_own,
                change_url=_url(request, "approvals:change_view", view, is_allowed=is_own),
                remove_url=_url(
                    request, "approvals:remove_view", view, is_allowed=is_own or may_clear
                ),
            )
            for view in rows.select_related("owner", "environment__tenant")
            for is_own in [view.owner_id == request.user.pk]
        ]

    @property
    def own(self) -> list[Offered]:
        """The reader's, shared or not."""
        return [one for one in self.offered if one.is_own]

    @property
    def of_team(self) -> list[Offered]:
        """What others share."""
        return [one for one in self.offered if not one.is_own]

    @property
    def current(self) -> Offered | None:
        """The view that is open."""
        return next((one for one in self.offered if one.is_current), None)


@page(VIEW)
def save_view(request: Any) -> HttpResponse:
    """Keep the filters that were open under a name; a GET shows the inbox."""
    home = place(request, "approvals:inbox")
    if request.method != "POST":
        return redirect(home)
    kept = kept_query(QueryDict(request.POST.get("query", "")[:2000]))
    back = f"{home}?{kept}" if kept else home
    form = SaveViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Not saved: a view needs a name of at most 60 characters."))
        return redirect(back)
    said = form.cleaned_data
    by = of_user(request.user, request.environment)
    try:
        made = services.save_view(
            name=said["name"], params=QueryDict(kept), is_shared=said["is_shared"], by=by
        )
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request, gettext("Saved as {name}: find it under Views.").format(name=made.name)
        )
    return redirect(back)


@page(VIEW)
def open_view(request: Any, view: str) -> HttpResponse:
    """The inbox with the filters of a view: an address to pass on."""
    found = _find(request, view)
    return redirect(_opened(found, place(request, "approvals:inbox")))


@page(VIEW)
def change_view(request: Any, view: str) -> HttpResponse:
    """Rename and share a view, or give it the filters that are open; a GET shows the inbox.

    `query` says that the filters are meant, otherwise the name and whether it is shared.
    """
    found = _find(request, view)
    home = place(request, "approvals:inbox")
    if request.method != "POST":
        return redirect(home)
    given = _changes(request)
    if given is None:
        messages.error(request, gettext("Not saved: a view needs a name of at most 60 characters."))
        return redirect(_opened(found, home))
    try:
        by = of_user(request.user, request.environment)
        found = services.change_view(view=found, by=by, **given)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, gettext("The view {name} is changed.").format(name=found.name))
    return redirect(_opened(found, home))


def _changes(request: Any) -> dict[str, Any] | None:
    """What is to become of the view; None for a name that is none."""
    if "query" in request.POST:
        return {"params": QueryDict(request.POST["query"][:2000])}
    form = SaveViewForm(request.POST)
    return form.cleaned_data if form.is_valid() else None


def _opened(view: SavedView, home: str) -> str:
    return f"{home}?{view.query}" if view.query else home


@page(VIEW)
def remove_view(request: Any, view: str) -> HttpResponse:
    """Remove a view; a GET shows the inbox."""
    found = _find(request, view)
    if request.method == "POST":
        try:
            services.remove_view(view=found, by=of_user(request.user, request.environment))
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            messages.success(
                request, gettext("The view {name} is removed.").format(name=found.name)
            )
    return redirect(place(request, "approvals:inbox"))


def _find(request: Any, view: str) -> SavedView:
    rows = SavedView.objects.within(request.environment).seen_by(request.user)
    found: SavedView = get_object_or_404(rows.public(view))
    return found


def _url(request: Any, name: str, view: SavedView, *, is_allowed: bool) -> str:
    """Where this person does it; empty where the view is not theirs to change."""
    return place(view, name, view=view.public_id) if is_allowed else ""
