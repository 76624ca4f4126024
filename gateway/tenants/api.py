"""The REST resources of members, groups and environments."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants import services
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent
from gateway.tenants.models import Environment, Group, Invitation, Member
from gateway.tenants.roles import Role


class MemberIn(StrictFields):
    """Whom to invite; roles by the slug of the environment."""

    email = serializers.EmailField()
    roles = serializers.DictField(
        child=serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))
    )
    groups = serializers.ListField(child=serializers.SlugField(), required=False)


class MemberOut(serializers.Serializer[Member]):
    """A person in the tenant, with the roles in this environment."""

    id = serializers.CharField(source="public_id")
    user = serializers.CharField(source="user.public_id")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    roles = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField()
    active = serializers.BooleanField(source="is_active")
    created_at = serializers.DateTimeField()

    def get_roles(self, member: Member) -> dict[str, list[str]]:
        """Only those of the environment that is asked in."""
        place = caller(self.context["request"]).environment
        return {place.slug: sorted(member.roles_in(place))}

    def get_groups(self, member: Member) -> list[str]:
        """The slugs of the groups."""
        return sorted(member.group_slugs())


class InvitationOut(serializers.Serializer[Invitation]):
    """An open invitation."""

    id = serializers.CharField(source="public_id")
    email = serializers.CharField()
    roles = serializers.JSONField()
    groups = serializers.JSONField()
    expires_at = serializers.DateTimeField()


class NewInvitationOut(InvitationOut):
    """A new invitation, with its link for this once."""

    url = serializers.CharField()


class GroupIn(StrictFields):
    """A new group; `members` by id or e-mail address."""

    slug = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    members = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, max_length=1000
    )


class GroupOut(serializers.Serializer[Group]):
    """A named set of members."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    members = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_members(self, group: Group) -> list[str]:
        """The members' ids."""
        return sorted(member.public_id for member in group.members.all())


class WordListIn(StrictFields):
    """One named list of what counts as sensitive here: words (whole, in either case), patterns."""

    name = serializers.SlugField(max_length=40)
    words = serializers.ListField(child=serializers.CharField(max_length=80), required=False)
    patterns = serializers.ListField(child=serializers.CharField(max_length=200), required=False)


class EnvironmentIn(StrictFields):
    """What policies see of the environment; what is left out stays as it is."""

    region = serializers.CharField(max_length=40, required=False, allow_blank=True)
    word_lists = WordListIn(many=True, required=False)
    own_domains = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, max_length=50,
        help_text="Whoever has mail elsewhere is marked as an external recipient.",
    )  # fmt: skip


class EnvironmentOut(serializers.Serializer[Environment]):
    """An environment of the tenant."""

    id = serializers.CharField(source="public_id")
    tenant = serializers.CharField(source="tenant.slug")
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    region = serializers.CharField()
    word_lists = serializers.JSONField()
    own_domains = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class TenantViews(EnvironmentViews[Any]):
    """Rows that belong to the tenant as a whole."""

    def get_queryset(self) -> QuerySet[Any]:
        """Only the rows of the caller's tenant."""
        if self.is_described:
            return self.rows().none()
        return self.rows().filter(tenant=caller(self.request).environment.tenant)


class MemberViews(TenantViews):
    """People in the tenant."""

    queryset = Member.objects.select_related("user").prefetch_related("roles", "groups")
    serializer_class = MemberOut
    named_by = "user__email"
    permissions: ClassVar[dict[str, str]] = {
        "list": "tenants.view_member",
        "retrieve": "tenants.view_member",
        "create": "tenants.change_member",
    }

    @extend_schema(request=MemberIn, responses={201: NewInvitationOut})
    @idempotent(secrets=("url",))
    def create(self, request: Request) -> Response:
        """Invite a person. The answer's link makes them a member, once they have followed it."""
        by = caller(request)
        made, secret = services.invite(
            environment=by.environment, by=by, **checked(MemberIn, request)
        )
        link = settings.PUBLIC_URL + reverse("invitation", args=(secret,))
        fields = InvitationOut(made).data
        return Response({**fields, "url": link}, status=201, headers={"Cache-Control": "no-store"})


class GroupViews(TenantViews):
    """Named sets of members that policies route approvals to."""

    queryset = Group.objects.prefetch_related("members")
    serializer_class = GroupOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "tenants.view_member",
        "retrieve": "tenants.view_member",
        "create": "tenants.change_member",
    }

    @extend_schema(request=GroupIn, responses={201: GroupOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Make a group."""
        body, by = checked(GroupIn, request), caller(request)
        members = [
            services.find_member(by.environment.tenant, name) for name in body.pop("members", ())
        ]
        with transaction.atomic():
            made = services.create_group(environment=by.environment, by=by, **body)
            if members:
                services.set_group_members(made, members=members, by=by)
        return Response(GroupOut(made).data, status=201)


class EnvironmentListViews(TenantViews):
    """The environments of the tenant that the caller has a place in."""

    queryset = Environment.objects.select_related("tenant")
    serializer_class = EnvironmentOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_action",
        "retrieve": "approvals.view_action",
        "partial_update": "tenants.change_environment",
    }

    @extend_schema(request=EnvironmentIn, responses={200: EnvironmentOut})
    def partial_update(self, request: Request, id: str) -> Response:
        """Set the region and the word lists of the environment that is asked in."""
        found, here = self.get_object(), caller(request).environment
        if found.pk != here.pk:
            raise Http404
        body = checked(EnvironmentIn, request)
        return Response(EnvironmentOut(services.change_environment(found, **body)).data)

    def get_queryset(self) -> QuerySet[Environment]:
        """A key knows its own environment; a person those with a role."""
        rows = super().get_queryset()
        if self.is_described:
            return rows
        by = caller(self.request)
        if by.api_key is not None or by.user is None:
            return rows.filter(pk=by.environment.pk)
        return rows.filter(roles__member__user=by.user).distinct()
