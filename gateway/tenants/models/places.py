"""Tenants and their environments: what every other row is scoped by."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.context import Scope
from gateway.lib.rows import Row

SLUG_LENGTH = 40


class Tenant(Row):
    """A customer organisation; nothing is visible across tenants."""

    PREFIX = "ten"

    slug = models.SlugField(max_length=SLUG_LENGTH, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=60, default="UTC", help_text="For policy hours.")

    def __str__(self) -> str:
        return self.name

    @property
    def audit_scope(self) -> Scope:
        """Where records about the tenant itself belong."""
        return Scope(self.public_id)


class Environment(Row):
    """A sandbox or production of one tenant: the object of every permission check."""

    PREFIX = "env"

    class Kind(models.TextChoices):
        SANDBOX = "sandbox", _("Sandbox")
        PRODUCTION = "production", _("Production")

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="environments")
    slug = models.SlugField(max_length=SLUG_LENGTH)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    region = models.CharField(
        max_length=40, blank=True, help_text="Where it is run, as policies name it: `eu`."
    )
    word_lists = models.JSONField(
        default=list, help_text="[{name, words, patterns}]: what counts as sensitive here."
    )
    own_domains = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        help_text="Whoever has mail elsewhere is an external recipient.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="tenants_environment_slug")
        ]

    def __str__(self) -> str:
        return f"{self.tenant.slug}/{self.slug}"

    @property
    def audit_scope(self) -> Scope:
        """Where records about this environment's rows belong."""
        return Scope(self.tenant.public_id, self.public_id)

    @property
    def live_topic(self) -> str:
        """The topic that open desks of this environment listen to."""
        return f"desk.{self.id}"
