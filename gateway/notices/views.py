"""Pages: how I am told and which chat accounts are mine; the environment's chats; the log."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from gateway.lib.errors import Denied, DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.notices import services
from gateway.notices.forms import BrowserForm, ChatForm, NoticeFilter, PreferenceForm
from gateway.notices.media import TITLES, Medium
from gateway.notices.models import Browser, Chat, ChatIdentity, Notice
from gateway.tenants.principals import Principal, of_user

VIEW_OWN, VIEW_LOG = "approvals.view_action", "notices.view_notice"
CHANGE_CHAT = services.CHANGE
CSV_HEADER = (
    "id", "at", "action", "version", "occasion", "medium", "to", "state", "attempts", "sent_at",
    "reason", "error",
)  # fmt: skip


@page(VIEW_OWN)
def preferences(request: Any) -> HttpResponse:
    """How I am told of what waits for me here; my accounts in chats."""
    by = _me(request)
    try:
        held = services.preference_of(by)
    except Denied as error:
        raise Http404 from error  # who looks in without being a member is told of nothing
    form = PreferenceForm(request.POST or None, preference=held)
    if request.method == "POST" and form.is_valid():
        try:
            services.choose(by=by, **form.values)
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, gettext("Saved. It counts for what comes from now on."))
            return redirect(request.path)
    status = 422 if request.method == "POST" else 200
    return render(request, "notices/preferences.html", _own(request, form), status=status)


@page(VIEW_OWN)
@require_POST
def code(request: Any, kind: str) -> HttpResponse:
    """A code that links my account in a chat; shown once, on the page that answers."""
    chat = get_object_or_404(services.live_chats(request.environment), kind=kind)
    made, text = services.make_code(chat, by=_me(request))
    form = PreferenceForm(None, preference=services.preference_of(_me(request)))
    shown = {"code": text, "code_until": made.expires_at, "code_for": TITLES[Medium(kind)]}
    answer = render(request, "notices/preferences.html", _own(request, form) | shown)
    answer["Cache-Control"] = "no-store"
    return answer


@page(VIEW_OWN)
@require_POST
def unlink(request: Any, identity: str) -> HttpResponse:
    """An account of mine in a chat is mine no longer."""
    rows = ChatIdentity.objects.within(request.environment).public(identity)
    rows = rows.filter(member__user=request.user, unlinked_at=None).select_related("chat")
    found = get_object_or_404(rows)
    services.unlink(found, by=_me(request))
    messages.success(
        request,
        gettext("Your {chat} account is unlinked.").format(chat=found.chat.get_kind_display()),
    )
    return _to(request, "notices:preferences")


@page(VIEW_OWN)
@require_POST
def add_browser(request: Any) -> HttpResponse:
    """Tell me in this browser as well."""
    form = BrowserForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Your browser gave no subscription: try it again."))
        return _to(request, "notices:preferences")
    try:
        services.add_browser(by=_me(request), **form.cleaned_data)
    except Denied as error:
        raise Http404 from error
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request, gettext("This browser is added. Choose above for which risks it tells you.")
        )
    return _to(request, "notices:preferences")


@page(VIEW_OWN)
@require_POST
def remove_browser(request: Any, browser: str) -> HttpResponse:
    """Tell me in that browser no longer."""
    rows = Browser.objects.within(request.environment).public(browser)
    rows = rows.filter(member__user=request.user, removed_at=None)
    found = get_object_or_404(rows.select_related("member", "environment__tenant"))
    services.remove_browser(found, by=_me(request))
    messages.success(request, gettext("That browser tells you no longer."))
    return _to(request, "notices:preferences")


@page(CHANGE_CHAT)
def chats(request: Any) -> HttpResponse:
    """The chats of the environment."""
    found = services.chats_of(request.environment)
    rows = [(kind, TITLES[Medium(kind)], chat) for kind, chat in found.items()]
    context = {"rows": rows, "has_mail": bool(settings.EMAIL_URL)}
    return render(request, "notices/chats.html", context)


@page(CHANGE_CHAT)
def chat(request: Any, kind: str) -> HttpResponse:
    """Set up or change one chat."""
    found = services.chats_of(request.environment)
    if kind not in found:
        raise Http404
    held = found[kind]
    form = ChatForm(request.POST or None, environment=request.environment, kind=kind, chat=held)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_up(kind, by=_me(request), **form.values)
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(
                request, gettext("{medium} is saved.").format(medium=TITLES[Medium(kind)])
            )
            return _to(request, "notices:chats")
    context = {
        "form": form, "title": TITLES[Medium(kind)], "kind": kind, "chat": held,
        "address": _address(held) if held else "",
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return render(request, "notices/chat.html", context, status=status)


@page(CHANGE_CHAT)
@require_POST
def try_chat(request: Any, kind: str) -> HttpResponse:
    """Write a word into the chat's channel, and say whether it was taken."""
    found = get_object_or_404(
        Chat.objects.within(request.environment).select_related("connection"), kind=kind
    )
    try:
        services.try_chat(found, by=_me(request))
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request,
            gettext("{chat} took a message for {room}.").format(
                chat=found.get_kind_display(), room=found.room
            ),
        )
    return _to(request, "notices:chats")


@page(VIEW_LOG)
def log(request: Any) -> HttpResponse:
    """Every notice of the environment with its delivery."""
    filters = NoticeFilter(request.GET)
    rows = filters.narrow(Notice.objects.within(request.environment)).select_related(
        "action__tool_version", "member__user", "chat"
    )
    if request.GET.get("format") == "csv":
        return csv_answer(request, "notices", header=CSV_HEADER, rows=map(_cells, rows))
    page_obj = paged(request, rows)
    context = {
        "page_obj": page_obj, "filters": filters,
        "may_change": request.user.has_perm(CHANGE_CHAT, request.environment),
    }  # fmt: skip
    return render(request, "notices/log.html", context)


def _me(request: Any) -> Principal:
    return of_user(request.user, request.environment)


def _own(request: Any, form: PreferenceForm) -> dict[str, Any]:
    mine = ChatIdentity.objects.within(request.environment).filter(
        member__user=request.user, unlinked_at=None
    )
    linked = {row.chat_id: row for row in mine}
    chats = services.live_chats(request.environment).order_by("kind")
    return {
        "form": form,
        "accounts": [(row, linked.get(row.pk)) for row in chats],
        "has_mail": bool(settings.EMAIL_URL),
        "push_key": services.key_for_browsers(),
        "browsers": services.browsers_of(form.preference.member, request.environment),
        "zone": request.user.time_zone or request.environment.tenant.time_zone,
    }


def _address(chat: Chat) -> str:
    return f"{settings.PUBLIC_URL}/chats/{chat.kind}/{chat.address}"


def _to(request: Any, name: str) -> HttpResponse:
    place = request.environment
    return redirect(name, tenant=place.tenant.slug, environment=place.slug)


def _cells(notice: Notice) -> tuple[object, ...]:
    whom = notice.member.user.email if notice.member else "channel"
    what = (notice.public_id, notice.created_at, notice.action.public_id, notice.action_version)
    how = (notice.occasion, notice.medium, whom, notice.status, notice.attempts, notice.sent_at)
    return (*what, *how, notice.reason, notice.error)
