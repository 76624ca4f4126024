"""Who wants to be told how, the chats of an environment, and every notice with its delivery."""

import secrets
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from gateway.connections.models import Connection
from gateway.lib.rows import EnvironmentRow
from gateway.lib.states import Machine
from gateway.lib.work import DueColumns
from gateway.notices.media import CHATS, TITLES, USUAL, Digest, Medium, Occasion
from gateway.notices.states import NOTICE, OPEN, NoticeStatus
from gateway.tenants.models import Member

ADDRESS_BYTES = 20
MEDIA = [(medium.value, _(TITLES[medium])) for medium in Medium]
CHAT_KINDS = [(medium.value, TITLES[medium]) for medium in CHATS]


class Preference(EnvironmentRow):
    """How one member wants to be told of what waits in one environment."""

    PREFIX = "ntp"

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="notice_preferences")
    media = models.JSONField(default=dict, help_text="Risk to a list of media; absent: the usual.")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    digest = models.CharField(
        max_length=10, default=Digest.NONE, choices=[(one.value, one.value) for one in Digest]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "member"], name="notices_preference_once"
            )
        ]

    def __str__(self) -> str:
        return f"how {self.member_id} is told"

    def media_for(self, risk: str) -> tuple[str, ...]:
        """By what this member is told of actions of this risk."""
        return tuple(self.media.get(risk, USUAL[risk]))


def new_address() -> str:
    """A random part of a web address that nobody guesses."""
    return secrets.token_hex(ADDRESS_BYTES)


class Chat(EnvironmentRow):
    """An app in a chat service that tells an environment's people, and takes their answers.

    `room` is where it posts for all; without one it writes only to people who linked their account.
    `sealed` is what the service signs the presses of buttons with: Slack's signing secret, or the
    public key of Discord's application.
    """

    PREFIX = "cht"

    kind = models.CharField(max_length=20, choices=CHAT_KINDS)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    room = models.CharField(max_length=40, blank=True)
    risks = models.JSONField(default=list, help_text="Of which risks it tells in the room.")
    has_buttons = models.BooleanField(default=True)
    address = models.CharField(max_length=64, unique=True, default=new_address)
    sealed = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    base_url = models.CharField(
        max_length=200, blank=True, help_text="Of a service that is not at its usual address."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "kind"], name="notices_chat_once"),
            models.CheckConstraint(
                name="notices_chat_kind", condition=Q(kind__in=[kind for kind, _ in CHAT_KINDS])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.environment_id}"

    def place(self) -> dict[str, str]:
        """Where the sealed secret belongs, and only there opens."""
        return {
            "table": "notices_chat",
            "row": str(self.pk),
            "field": "sealed",
            "tenant": str(self.environment.tenant_id),
        }


class ChatIdentity(EnvironmentRow):
    """Whom an account of a chat service belongs to, as that member proved by a one-time code."""

    PREFIX = "chi"

    chat = models.ForeignKey(Chat, on_delete=models.PROTECT, related_name="identities")
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="chat_identities")
    workspace = models.CharField(max_length=40, blank=True)
    account = models.CharField(max_length=40)
    name = models.CharField(max_length=120, blank=True, help_text="As the service calls them.")
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chat", "workspace", "account"],
                name="notices_account_once",
                condition=Q(unlinked_at=None),
            ),
            models.UniqueConstraint(
                fields=["chat", "member"],
                name="notices_member_once",
                condition=Q(unlinked_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chat.kind} {self.account}"


class Browser(EnvironmentRow):
    """A browser in which one member is told of what waits in one environment.

    `sealed` is the subscription, JSON of `endpoint`, `p256dh` and `auth`: whoever has it can write
    to that browser. It is found by the endpoint's digest, and forgotten with the removal.
    """

    PREFIX = "brw"

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="browsers")
    digest = models.CharField(max_length=64)
    sealed = models.TextField(blank=True)
    service = models.CharField(max_length=100, help_text="The host of its push service.")
    used_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "digest"],
                name="notices_browser_once",
                condition=Q(removed_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"a browser of {self.member_id}"

    def place(self) -> dict[str, str]:
        """Where the sealed subscription belongs, and only there opens."""
        return {
            "table": "notices_browser",
            "row": str(self.pk),
            "field": "sealed",
            "tenant": str(self.environment.tenant_id),
        }


class LinkCode(EnvironmentRow):
    """A code that links whoever enters it in a chat to one member, once, for a few minutes."""

    PREFIX = "lnk"

    chat = models.ForeignKey(Chat, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"code of {self.member_id}"

    def is_open_at(self, now: datetime) -> bool:
        """Whether it still links."""
        return self.used_at is None and now < self.expires_at


class Notice(EnvironmentRow, DueColumns):
    """One message about one version of an action: to a person, or in a chat's room.

    It is stored before it leaves. `place` and `message` are where the chat service put it.
    """

    PREFIX = "ntc"
    machine: ClassVar[Machine] = NOTICE
    announces: ClassVar[str] = ""

    status = models.CharField(max_length=20, choices=NoticeStatus.choices, default=NoticeStatus.DUE)
    medium = models.CharField(max_length=20, choices=MEDIA)
    occasion = models.CharField(max_length=20, choices=[(one.value, one.value) for one in Occasion])
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="notices")
    action_version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, blank=True)
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    chat = models.ForeignKey(
        Chat, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_gathered = models.BooleanField(default=False)
    closes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="closed_by"
    )
    place = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=40, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    give_up_at = models.DateTimeField()
    reason = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "action_version", "occasion", "medium", "member"],
                name="notices_person_once",
                condition=Q(member__isnull=False, closes=None),
            ),
            models.UniqueConstraint(
                fields=["action", "action_version", "occasion", "chat"],
                name="notices_room_once",
                condition=Q(member=None, closes=None),
            ),
            models.CheckConstraint(
                name="notices_notice_status", condition=Q(status__in=NoticeStatus.values)
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="notices_due", condition=Q(status__in=sorted(OPEN))
            ),
            models.Index(fields=["environment", "-id"], name="notices_env"),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} by {self.medium}"

    @property
    def is_for_room(self) -> bool:
        """Whether it is for everybody in a room, not for one person."""
        return self.member_id is None
