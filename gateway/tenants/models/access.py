"""Keys, invitations and remembered answers: how machines and newcomers get in."""

import hashlib
from datetime import datetime

from django.db import models

from gateway.lib.rows import EnvironmentRow, Row
from gateway.tenants.models.people import Member, User
from gateway.tenants.models.places import Tenant

KEY_MARK = "csk_"


def digest_of(secret: str) -> str:
    """What is kept of a random secret. It has 130 bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKey(EnvironmentRow):
    """A key of one environment: a person's (may decide) or an agent's (never may)."""

    PREFIX = "key"

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, help_text="The first characters, to recognise it.")
    digest = models.CharField(max_length=64, unique=True)
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, null=True, blank=True, related_name="api_keys"
    )
    agent_id = models.UUIDField(null=True, blank=True, db_index=True)
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    scopes = models.JSONField(default=list, help_text="Permissions; empty means all it could have.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="tenants_key_person_or_machine",
                condition=models.Q(member__isnull=False, agent_id__isnull=True)
                | models.Q(member__isnull=True, agent_id__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.prefix}…"

    def is_valid_at(self, now: datetime) -> bool:
        """Whether the key may be used: not revoked, not expired, its member active."""
        alive = self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
        return alive and (self.member is None or self.member.is_active)


class Invitation(Row):
    """A link by which a newcomer joins a tenant; the secret part is kept as a digest only."""

    PREFIX = "inv"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField()
    roles = models.JSONField(help_text="Environment slug to list of roles.")
    groups = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class IdempotencyKey(EnvironmentRow):
    """The remembered answer to one creating call: unique by principal and key, kept 24 h."""

    PREFIX = "idk"

    principal = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, help_text="Null while in progress.")
    answer = models.JSONField(null=True, help_text="Without secrets.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="tenants_idempotency_once")
        ]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"
