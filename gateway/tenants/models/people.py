"""People: users who sign in, their membership of tenants, roles and groups."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from audit.context import Actor, Scope
from gateway.lib import ids
from gateway.lib.rows import Row, ScopedQuerySet
from gateway.tenants.keys import LONGEST as LONGEST_KEYS
from gateway.tenants.models.places import Environment, Tenant
from gateway.tenants.roles import Role


class Theme(models.TextChoices):
    """How bright the desk is; `auto` follows the device."""

    AUTO = "auto", _("As my device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Density(models.TextChoices):
    """How much stands on a page."""

    COMFORTABLE = "comfortable", _("Comfortable")
    COMPACT = "compact", _("Compact")


class DiffMode(models.TextChoices):
    """How changes are laid out; `auto` goes by the width of the window."""

    AUTO = "auto", _("As the window allows")
    INLINE = "inline", _("One below the other")
    SIDE = "side", _("Side by side")


class UserManager(BaseUserManager["User"]):
    """Makes users whose e-mail address is lower-case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in by e-mail; without a password only an invitation lets them in."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who sees every tenant in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Sign-in ignores the case of the address."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person; deactivated, never deleted."""

    PREFIX: ClassVar[str] = "usr"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    theme = models.CharField(
        max_length=8, choices=Theme.choices, default=Theme.AUTO, db_default=Theme.AUTO
    )
    density = models.CharField(
        max_length=12,
        choices=Density.choices,
        default=Density.COMFORTABLE,
        db_default=Density.COMFORTABLE,
    )
    diff_mode = models.CharField(
        max_length=8, choices=DiffMode.choices, default=DiffMode.AUTO, db_default=DiffMode.AUTO
    )
    time_zone = models.CharField(
        max_length=60, blank=True, db_default="", help_text="Empty: the tenant's."
    )
    language = models.CharField(
        max_length=16, blank=True, db_default="", help_text="Empty: the deployment's."
    )
    has_shortcuts = models.BooleanField(
        default=True, db_default=True, help_text="Whether single keys do things."
    )
    keys = models.CharField(
        max_length=LONGEST_KEYS,
        blank=True,
        db_default="",
        help_text="Single keys other than the usual ones; see gateway/tenants/keys.py.",
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="tenants_user_email_lower")]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def public_id(self) -> str:
        """The id as everybody outside sees it."""
        return ids.encode(self.PREFIX, self.id)

    @property
    def speaks(self) -> str:
        """The person's language; empty where none was chosen, or one that is not spoken here."""
        return self.language if self.language in dict(settings.LANGUAGES) else ""

    @property
    def audit_actor(self) -> Actor:
        """This person in an audit record."""
        return Actor("person", self.public_id)

    @cached_property
    def audited_environments(self) -> "list[Environment]":
        """The environments in whose audit log this person may look; a superuser's are all."""
        places = Environment.objects.select_related("tenant").order_by("created_at")
        if self.is_superuser:
            return list(places)
        held = places.filter(roles__member__user=self).distinct()
        return [place for place in held if self.has_perm("audit.view_record", place)]

    @property
    def audit_scopes(self) -> list[Scope]:
        """The same for the audit log, which knows ids only."""
        return [place.audit_scope for place in self.audited_environments]

    @property
    def initials(self) -> str:
        """Two letters for a face on the desk."""
        words = (self.name or self.email.split("@")[0].replace(".", " ")).split()
        return "".join(word[0] for word in words[:2]).upper()

    def get_short_name(self) -> str:
        """How the desk calls this person."""
        return str(self)


class Member(Row):
    """A person in a tenant."""

    PREFIX = "mem"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    deactivated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_member_once")
        ]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def is_active(self) -> bool:
        """Whether the membership counts: neither it nor the person is deactivated."""
        return self.deactivated_at is None and self.user.is_active

    def roles_in(self, environment: Environment) -> set[str]:
        """The member's roles in one environment."""
        return {held.role for held in self.roles.all() if held.environment_id == environment.id}

    def group_slugs(self) -> set[str]:
        """The slugs of the member's groups."""
        return {group.slug for group in self.groups.all()}


class MemberRole(Row):
    """One role of a member in one environment."""

    PREFIX = "rol"

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="roles")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="roles")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "environment", "role"], name="tenants_role_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} in {self.environment}"


class GroupQuerySet(ScopedQuerySet):
    """Groups of a tenant."""

    def of(self, tenant: Tenant) -> Self:
        """Only this tenant's groups."""
        return self.filter(tenant=tenant)


class Group(Row):
    """A named set of members that approvals are routed to, such as `finance`."""

    PREFIX = "grp"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="groups")
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(Member, related_name="groups", blank=True)

    objects: ClassVar[Any] = GroupQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="tenants_group_slug")
        ]

    def __str__(self) -> str:
        return self.name
