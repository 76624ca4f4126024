"""Tenants, environments, people, groups, keys and invitations."""

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from factory.django import DjangoModelFactory

from gateway.lib import ids, sealing
from gateway.tenants.models import (
    ApiKey,
    Challenge,
    Environment,
    Group,
    IdempotencyKey,
    Invitation,
    Member,
    MemberRole,
    SignIn,
    SubjectKey,
    Tenant,
    User,
)
from gateway.tenants.models.access import KEY_MARK, digest_of
from gateway.tenants.roles import Role

PASSWORD = "quiet-harbour-lamp-42"


class TenantFactory(DjangoModelFactory):
    class Meta:
        model = Tenant

    slug = factory.Sequence(lambda n: f"tenant-{n}")
    name = factory.Sequence(lambda n: f"Tenant {n}")


class EnvironmentFactory(DjangoModelFactory):
    class Meta:
        model = Environment

    tenant = factory.SubFactory(TenantFactory)
    slug = factory.Sequence(lambda n: f"place-{n}")
    name = factory.LazyAttribute(lambda made: made.slug.replace("-", " ").title())
    kind = Environment.Kind.SANDBOX


class UserFactory(DjangoModelFactory):
    """A person whose password is PASSWORD."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person-{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.LazyFunction(lambda: make_password(PASSWORD))


class MemberFactory(DjangoModelFactory):
    """A member; `roles={environment: [role, …]}` and `groups=[…]` give standing."""

    class Meta:
        model = Member
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    user = factory.SubFactory(UserFactory)

    @factory.post_generation
    def roles(self: Member, create: bool, given: Any, **_: Any) -> None:
        if create:
            for environment, names in (given or {}).items():
                for name in names:
                    MemberRoleFactory(member=self, environment=environment, role=name)

    @factory.post_generation
    def groups(self: Member, create: bool, given: Any, **_: Any) -> None:
        if create and given:
            self.groups.set(given)


class MemberRoleFactory(DjangoModelFactory):
    class Meta:
        model = MemberRole

    member = factory.SubFactory(MemberFactory)
    environment = factory.SubFactory(
        EnvironmentFactory, tenant=factory.SelfAttribute("..member.tenant")
    )
    role = Role.REVIEWER


class GroupFactory(DjangoModelFactory):
    class Meta:
        model = Group

    tenant = factory.SubFactory(TenantFactory)
    slug = factory.Sequence(lambda n: f"group-{n}")
    name = factory.LazyAttribute(lambda made: made.slug.replace("-", " ").title())


class ApiKeyFactory(DjangoModelFactory):
    """A member's key; `member=None, agent_id=…` makes a machine's. `secret` sets its text."""

    class Meta:
        model = ApiKey

    class Params:
        secret = factory.LazyFunction(lambda: KEY_MARK + ids.random_token("k")[2:])

    environment = factory.SubFactory(EnvironmentFactory)
    name = factory.Sequence(lambda n: f"key {n}")
    member = factory.SubFactory(MemberFactory, tenant=factory.SelfAttribute("..environment.tenant"))
    prefix = factory.LazyAttribute(lambda made: made.secret[:12])
    digest = factory.LazyAttribute(lambda made: digest_of(made.secret))


class InvitationFactory(DjangoModelFactory):
    """An open invitation; `token` sets the secret part of its link."""

    class Meta:
        model = Invitation

    class Params:
        token = factory.LazyFunction(lambda: ids.random_token("join"))

    tenant = factory.SubFactory(TenantFactory)
    email = factory.Sequence(lambda n: f"newcomer-{n}@example.com")
    roles = factory.LazyFunction(dict)
    digest = factory.LazyAttribute(lambda made: digest_of(made.token))
    invited_by = factory.SubFactory(UserFactory)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class IdempotencyKeyFactory(DjangoModelFactory):
    class Meta:
        model = IdempotencyKey

    environment = factory.SubFactory(EnvironmentFactory)
    principal = factory.LazyFunction(lambda: f"person:{ids.encode('usr', ids.new_id())}")
    key = factory.Sequence(lambda n: f"request-{n}")
    request_sha256 = "0" * 64


class SubjectKeyFactory(DjangoModelFactory):
    """A person's key that opens; `subject` is what the tenant calls that person."""

    class Meta:
        model = SubjectKey

    class Params:
        subject = factory.Sequence(lambda n: f"customer:{n}")

    tenant = factory.SubFactory(TenantFactory)
    mark = factory.LazyAttribute(
        lambda made: sealing.mark(f"{made.tenant.public_id} {made.subject}")
    )
    sealed = factory.LazyAttribute(
        lambda made: sealing.seal(
            sealing.new_key().hex(),
            **SubjectKey(pk=made.id, tenant=made.tenant).place(),
        )
    )
    id = factory.LazyFunction(ids.new_id)


class SignInFactory(DjangoModelFactory):
    class Meta:
        model = SignIn

    user = factory.SubFactory(UserFactory)
    session_key = factory.Sequence(lambda n: f"session-{n}")
    address = "192.0.2.7"
    browser = "Firefox 140 on Linux"
    last_seen_at = factory.LazyFunction(timezone.now)


class ChallengeFactory(DjangoModelFactory):
    class Meta:
        model = Challenge

    user = factory.SubFactory(UserFactory)
    digest = "ab" * 32
    nonce = factory.Sequence(lambda n: f"{n:064x}")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=5))
