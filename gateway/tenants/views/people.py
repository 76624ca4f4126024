"""Members, groups and invitations; an environment's settings."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants import services
from gateway.tenants.forms import (
    AcceptForm,
    EnvironmentForm,
    GroupForm,
    InviteForm,
    RolesForm,
    WordListForm,
    WordListForms,
)
from gateway.tenants.models import Group, Invitation, Member, Tenant, User
from gateway.tenants.principals import of_user

VIEW, CHANGE = "tenants.view_member", "tenants.change_member"
CSV_HEADER = ("id", "email", "name", "roles", "groups", "active")
BACKEND = "gateway.tenants.backends.MemberBackend"


@page(VIEW)
def members(request: Any) -> HttpResponse:
    """The people of the tenant, their roles here, groups and open invitations."""
    if request.GET.get("format") == "csv":
        rows = (_cells(member, request.environment) for member in _members(request))
        return csv_answer(request, "members", header=CSV_HEADER, rows=rows)
    return render(request, "tenants/members.html", _context(request))


@page(CHANGE)
def invite(request: Any) -> HttpResponse:
    """Make an invitation; its link is shown once, on the page that answers."""
    tenant = request.environment.tenant
    form = InviteForm(request.POST or None, tenant=tenant)
    if request.method != "POST" or not form.is_valid():
        return _form(
            request,
            form,
            heading=gettext("Invite a member"),
            submit=gettext("Make the invitation link"),
        )
    data = form.cleaned_data
    try:
        invitation, secret = services.invite(
            environment=request.environment,
            email=data["email"],
            roles=form.roles,
            groups=data["groups"],
            by=of_user(request.user, request.environment),
        )
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(
            request,
            form,
            heading=gettext("Invite a member"),
            submit=gettext("Make the invitation link"),
        )
    link = settings.PUBLIC_URL + reverse("invitation", args=(secret,))
    shown = {"email": invitation.email, "url": link, "expires_at": invitation.expires_at}
    answer = render(request, "tenants/members.html", _context(request) | {"link": shown})
    answer["Cache-Control"] = "no-store"
    return answer


@page(CHANGE)
def change(request: Any, member: str) -> HttpResponse:
    """Roles and groups of one member."""
    found = get_object_or_404(_members(request).filter(pk__in=_pk(member)))
    form = RolesForm(request.POST or None, tenant=found.tenant, member=found)
    heading = gettext("Change {name}").format(name=found.user)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form, heading=heading, submit=gettext("Save"), member=found)
    by = of_user(request.user, request.environment)
    try:
        services.change_member(
            member=found, roles=form.roles, groups=form.cleaned_data["groups"], by=by
        )
    except DomainError as error:
        form.add_error(None, error.detail)
        return _form(request, form, heading=heading, submit=gettext("Save"), member=found)
    messages.success(request, gettext("{name} is changed.").format(name=found.user))
    return _back(request)


@page(CHANGE)
def deactivate(request: Any, member: str) -> HttpResponse:
    """GET asks again, POST ends the membership."""
    found = get_object_or_404(_members(request).filter(pk__in=_pk(member)))
    if request.method != "POST":
        return render(request, "tenants/deactivate.html", {"member": found})
    try:
        services.deactivate_member(found, by=of_user(request.user, request.environment))
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, gettext("{name} is deactivated.").format(name=found.user))
    return _back(request)


@page(CHANGE)
def add_group(request: Any) -> HttpResponse:
    """A new, empty group."""
    form = GroupForm(request.POST)
    if request.method != "POST":
        return _back(request)
    if not form.is_valid():
        context = _context(request) | {"group_form": form}
        return render(request, "tenants/members.html", context, status=422)
    by = of_user(request.user, request.environment)
    try:
        services.create_group(
            environment=request.environment,
            slug=form.slug,
            name=form.cleaned_data["name"],
            by=by,
        )
    except DomainError as error:
        messages.error(request, error.detail)
    return _back(request)


@page("tenants.change_environment")
def environment(request: Any) -> HttpResponse:
    """What policies and reviewers see of the environment: region, lists of words, own domains."""
    here = request.environment
    form = EnvironmentForm(request.POST or None, environment=here)
    initial = [WordListForm.initial_of(entry) for entry in here.word_lists]
    lists = WordListForms(request.POST or None, initial=initial, prefix="lists")
    if request.method == "POST" and all([form.is_valid(), lists.is_valid()]):
        entries = [entry for one in lists if (entry := one.entry)]
        try:
            services.change_environment(
                here,
                region=form.cleaned_data["region"],
                word_lists=entries,
                own_domains=form.cleaned_data["own_domains"],
            )
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(
                request, gettext("Saved. It counts for whatever is asked from now on.")
            )
            return redirect(request.path)
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "lists": lists, "doors": _doors(here.tenant)}
    return render(request, "tenants/environment.html", context, status=status)


@page(CHANGE)
def revoke(request: Any, invitation: str) -> HttpResponse:
    """Take an open invitation back."""
    rows = Invitation.objects.filter(tenant=request.environment.tenant).public(invitation)
    found = get_object_or_404(rows)
    if request.method == "POST":
        try:
            services.revoke_invitation(
                invitation=found, by=of_user(request.user, request.environment)
            )
        except DomainError as error:
            messages.error(request, error.detail)
    return _back(request)


@never_cache
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """The page behind an invitation link; a POST joins and signs in."""
    invitation = services.open_invitation(secret)
    if invitation is None:
        return render(request, "tenants/accept.html", status=410)
    known = User.objects.filter(email=invitation.email).first()
    form = AcceptForm(request, user=known)
    status = 200
    if request.method == "POST":
        if form.is_valid() and (user := _joined(invitation, form)) is not None:
            return _enter(request, user)
        status = 422
    context = {"invitation": invitation, "form": form}
    return render(request, "tenants/accept.html", context, status=status)


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    """Signed in, unless there is a second factor: then by the door that asks for it."""
    if services.factor_kinds(user):
        messages.success(request, gettext("You have joined. Sign in with your second factor."))
        return redirect("account_login")
    login(request, user, backend=BACKEND)
    services.signed_in(user, ("password",))
    return redirect("home")


def _joined(invitation: Invitation, form: AcceptForm) -> User | None:
    """The person who joined; None, with the reason in the form, where it was refused."""
    data = form.cleaned_data
    try:
        return services.accept_invitation(
            invitation=invitation, name=data.get("name", ""), password=data["password"]
        )
    except DomainError as error:
        form.add_error(None, error.detail)
        return None


def _doors(tenant: Tenant) -> dict[str, Any]:
    """How people of this tenant sign in, as the deployment set it up; no secret among it."""
    has_sso = bool(settings.OIDC_ISSUER) and tenant.slug == settings.OIDC_TENANT
    groups = settings.OIDC_GROUPS.items() if has_sso else ()
    return {
        "factor": settings.SECOND_FACTOR,
        "issuer": settings.OIDC_ISSUER if has_sso else "",
        "groups": [
            (
                name,
                [
                    gettext("{role} in {place}").format(role=role, place=place)
                    for place, role in given
                ],
            )
            for name, given in groups
        ],
    }


def _members(request: Any) -> Any:
    rows = Member.objects.filter(tenant=request.environment.tenant)
    return (
        rows.select_related("user", "tenant")
        .prefetch_related("roles", "groups")
        .order_by("user__email")
    )


def _pk(member: str) -> Any:
    return Member.objects.public(member).values("pk")


def _context(request: Any) -> dict[str, Any]:
    tenant, environment = request.environment.tenant, request.environment
    page_obj = paged(request, _members(request))
    open_ = Invitation.objects.filter(
        tenant=tenant,
        accepted_at__isnull=True,
        revoked_at__isnull=True,
        expires_at__gt=timezone.now(),
    )
    groups = Group.objects.of(tenant).prefetch_related("members").order_by("name")
    return {
        "page_obj": page_obj,
        "rows": [(member, sorted(member.roles_in(environment))) for member in page_obj],
        "groups": groups,
        "invitations": open_.order_by("-id"),
        "group_form": GroupForm(),
        "may_change": request.user.has_perm(CHANGE, environment),
    }


def _form(request: Any, form: Any, **shown: Any) -> HttpResponse:
    """A form page; `shown` holds its heading, the button's word and perhaps the member."""
    context = {"form": form, **shown}
    status = 422 if request.method == "POST" else 200
    return render(request, "tenants/form.html", context, status=status)


def _back(request: Any) -> HttpResponse:
    place = request.environment
    return redirect("tenants:members", tenant=place.tenant.slug, environment=place.slug)


def _cells(member: Member, environment: Any) -> tuple[object, ...]:
    roles = " ".join(sorted(member.roles_in(environment)))
    groups = " ".join(sorted(member.group_slugs()))
    who = (member.public_id, member.user.email, member.user.name)
    return (*who, roles, groups, member.is_active)
