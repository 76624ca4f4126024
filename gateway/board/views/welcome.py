"""The first-run wizard: the first administrator, then the steps of one environment."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from gateway.board import rehearsal, setup_code
from gateway.board.forms import FirstForm
from gateway.board.snippets import snippets
from gateway.board.steps import Progress
from gateway.lib.errors import DomainError
from gateway.lib.html import page, show
from gateway.tenants import services as tenants
from gateway.tenants.models import Environment, User
from gateway.tenants.principals import is_maker_behind

VIEW = "approvals.view_action"
MAKE, SEND, KEY = "tools.change_tool", "webhooks.change_source", "agents.change_api_key"
BACKEND = "gateway.tenants.backends.MemberBackend"


@never_cache
def first(request: HttpRequest) -> HttpResponse:
    """Make the first organisation and its administrator, who is signed in then.

    Open only while there is none but the demo's, and only to whoever has the set-up code.
    """
    if not setup_code.is_open():
        return redirect("home")
    form = FirstForm(request.POST or None, initial={"code": request.GET.get("code", "")})
    if request.method == "POST" and form.is_valid() and (made := _made(form)) is not None:
        user, sandbox = made
        login(request, user, backend=BACKEND)
        tenants.signed_in(user)
        return redirect("board:welcome", tenant=sandbox.tenant.slug, environment=sandbox.slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "board/first.html", {"form": form}, status=status)


def _made(form: FirstForm) -> tuple[User, Environment] | None:
    """The administrator and the sandbox; None, with the reason in the form, where refused."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            done = tenants.bootstrap(
                form.slug,
                data["email"],
                password=data["password"],
                name=data["name"],
                tenant_name=data["organisation"],
            )
    except DomainError as error:
        form.add_error(None, error.detail)
        return None
    setup_code.forget()
    return done.member.user, done.sandbox


@page(VIEW)
def welcome(request: Any) -> HttpResponse:
    """The steps, and the one that is open or was asked for."""
    return _shown(request)


@page(MAKE)
def make_source(request: Any) -> HttpResponse:
    """A source, a tool and an agent to try everything with; the secret is shown this once."""
    if request.method != "POST":
        return _back(request, "source")
    try:
        made = rehearsal.make(request.environment)
    except DomainError as error:
        messages.error(request, error.detail)
        return _back(request, "source")
    return _shown(request, step="source", made=made)


@page(SEND)
def send(request: Any) -> HttpResponse:
    """Send a test event to the environment's source."""
    source = Progress(request.environment, request.user).source
    if request.method != "POST" or source is None:
        return _back(request, "event")
    try:
        tested = rehearsal.send(source)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        if not tested.is_accepted:
            messages.error(
                request,
                gettext("The intake answered {status}: see the source's page.").format(
                    status=tested.status
                ),
            )
    return _back(request, "event")


@page(KEY)
def make_key(request: Any) -> HttpResponse:
    """A key for the first agent, shown this once."""
    if request.method != "POST":
        return _back(request, "agent")
    try:
        _, secret = rehearsal.key_for(request.environment, by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
        return _back(request, "agent")
    return _shown(request, step="agent", key=secret)


def _shown(request: Any, *, step: str = "", **more: Any) -> HttpResponse:
    wanted = step or request.GET.get("step", "")
    progress = Progress(request.environment, request.user, wanted)
    may = {
        name: request.user.has_perm(permission, request.environment)
        for name, permission in (
            ("make", MAKE), ("send", SEND), ("key", KEY), ("invite", "tenants.change_member")
        )
    }  # fmt: skip
    context = {
        "progress": progress,
        "may": may,
        "is_maker_behind": is_maker_behind(request.environment),
        "snippets": snippets(settings.PUBLIC_URL, tool=rehearsal.TOOL),
        **more,
    }
    answer = show(
        request, "board/welcome.html", fragment="board/_welcome_step.html", context=context
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _back(request: Any, step: str) -> HttpResponse:
    place = request.environment
    answer = redirect("board:welcome", tenant=place.tenant.slug, environment=place.slug)
    answer["Location"] += f"?step={step}"
    return answer
