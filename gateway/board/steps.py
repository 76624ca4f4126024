"""The steps of the first run: each looks at what is there, so they can be left and resumed."""

from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from approvals.models import Action, Approval
from gateway.board import rehearsal
from gateway.tenants.models import ApiKey, Environment, Invitation, Member, User
from webhooks.models import Event, Source

TITLES = {
    "admin": _("Create the administrator"),
    "source": _("Choose: the demo, or a source of your own"),
    "event": _("Send a test event"),
    "decide": _("Approve the first action"),
    "agent": _("Connect an agent"),
    "invite": _("Invite a second reviewer"),
}
DEMO = "demo"


@dataclass(frozen=True)
class Step:
    """One step, whether it is done, and whether it is shown."""

    key: str
    title: str
    is_done: bool
    is_current: bool


class Progress:
    """How far an environment is: seven small queries."""

    def __init__(self, environment: Environment, user: User, wanted: str = "") -> None:
        self.environment = environment
        self.user = user
        self._wanted = wanted

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo's organisation."""
        return self.environment.tenant.slug == DEMO

    @cached_property
    def source(self) -> Source | None:
        """The first source, else any that takes events."""
        rows = Source.objects.within(self.environment).filter(archived_at=None, is_enabled=True)
        own = rehearsal.source_of(self.environment)
        return own or rows.filter(provider=None).order_by("created_at").first()

    @cached_property
    def event(self) -> Event | None:
        """The newest event of any source here."""
        found: Event | None = (
            Event.objects.within(self.environment).for_lists().order_by("-id").first()
        )
        return found

    @cached_property
    def waiting(self) -> Action | None:
        """The newest action that waits for a person."""
        rows = Action.objects.within(self.environment).pending()
        found: Action | None = rows.for_lists().order_by("-id").first()
        return found

    @cached_property
    def decided(self) -> Action | None:
        """The newest action that somebody approved."""
        votes = Approval.objects.filter(
            action__environment=self.environment, decision=Approval.Decision.APPROVE
        )
        vote = votes.select_related("action").order_by("-id").first()
        return vote.action if vote else None

    @cached_property
    def keys(self) -> list[ApiKey]:
        """Machines' keys that count, the last used first."""
        rows = ApiKey.objects.within(self.environment).filter(agent_id__isnull=False)
        found = [key for key in rows.order_by("created_at") if key.is_valid_at(timezone.now())]
        return sorted(found, key=lambda key: (key.last_used_at is None, key.created_at))

    @property
    def connected(self) -> ApiKey | None:
        """A machine's key that was used."""
        return next((key for key in self.keys if key.last_used_at is not None), None)

    @cached_property
    def others(self) -> int:
        """Other members and open invitations."""
        tenant = self.environment.tenant
        members = Member.objects.filter(tenant=tenant, deactivated_at=None)
        open_ = Invitation.objects.filter(
            tenant=tenant, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
        )
        return members.exclude(user=self.user).count() + open_.count()

    @property
    def done(self) -> dict[str, bool]:
        """Which steps are done."""
        return {
            "admin": True,
            "source": self.is_demo or self.source is not None,
            "event": self.event is not None,
            "decide": self.decided is not None,
            "agent": self.connected is not None,
            "invite": self.others > 0,
        }

    @property
    def current(self) -> str:
        """The step that is shown: the wanted one, else the first that is open, else the last."""
        if self._wanted in TITLES:
            return self._wanted
        return next((key for key, is_done in self.done.items() if not is_done), "invite")

    @property
    def steps(self) -> list[Step]:
        """All of them, in order."""
        done, current = self.done, self.current
        return [Step(key, str(title), done[key], key == current) for key, title in TITLES.items()]

    @property
    def number(self) -> int:
        """The place of the step that is shown, from 1."""
        return list(TITLES).index(self.current) + 1

    @property
    def is_over(self) -> bool:
        """Whether every step is done."""
        return all(self.done.values())

    @property
    def following(self) -> str:
        """The step after this one; empty after the last."""
        keys = list(TITLES)
        at = keys.index(self.current) + 1
        return keys[at] if at < len(keys) else ""
