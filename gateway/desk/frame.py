"""The frame around every page of an environment: where one is, where one may go, what waits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import BreakGlass, KillSwitch
from gateway.tenants.models import Environment, Tenant, User
from gateway.tenants.principals import Principal, of_user

# Key, label, icon, URL name, permission; the dash begins the second part.
PAGES = (
    ("inbox", _("Inbox"), "inbox", "approvals:inbox", "approvals.view_action"),
    (
        "attention",
        _("Needs attention"),
        "alert-triangle",
        "board:attention",
        "approvals.view_action",
    ),
    ("actions", _("Actions"), "bolt", "approvals:list", "approvals.view_action"),
    ("runs", _("Runs"), "route", "runs:list", "runs.view_run"),
    ("events", _("Events"), "webhook", "webhooks:events", "webhooks.view_event"),
    ("tools", _("Tools"), "tool", "tools:list", "tools.view_tool"),
    ("policies", _("Policies"), "scale", "approvals:policies", "approvals.view_policy"),
    ("budgets", _("Budgets"), "coins", "budgets:list", "budgets.view_budget"),
    ("sources", _("Sources"), "transfer-in", "webhooks:sources", "webhooks.view_source"),
    (
        "connections",
        _("Connections"),
        "plug",
        "connections:list",
        "connections.view_connection",
    ),
    ("notices", _("Notices"), "mail", "notices:log", "notices.view_notice"),
    ("agents", _("Agents"), "robot", "agents:list", "agents.view_agent"),
    (
        "kill-switch",
        _("Kill switch"),
        "hand-stop",
        "approvals:kill_switch",
        "approvals.view_action",
    ),
    (
        "reviewers",
        _("Reviewers"),
        "chart-histogram",
        "approvals:reviewers",
        "approvals.view_reviewers",
    ),
    ("dashboard", _("Dashboard"), "trending-up", "board:dashboard", "approvals.view_action"),
    ("audit", _("Audit"), "list-check", "audit:records", "audit.view_record"),
    ("members", _("Members"), "users", "tenants:members", "tenants.view_member"),
)
SECOND_PART = "sources"
DEMO = "demo"
STREAM_PERMISSION = "approvals.view_action"
# More lines than these would push what is to be decided out of sight.
MOST_STOPS = 3


@dataclass(frozen=True)
class Item:
    """One line of the side bar."""

    key: str
    label: str
    icon: str
    url: str
    is_current: bool
    is_first_of_second: bool


@dataclass(frozen=True)
class Place:
    """One environment in the switch."""

    label: str
    kind: str
    url: str
    is_current: bool


class Frame:
    """What the frame shows to one person in one environment."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.path: str = request.path
        self.environment: Environment = request.environment
        self.user: User = request.user
        self.where = {"tenant": self.environment.tenant.slug, "environment": self.environment.slug}

    @property
    def tenant(self) -> Tenant:
        """The organisation."""
        return self.environment.tenant

    @cached_property
    def principal(self) -> Principal:
        """The person here, with what the roles allow."""
        return of_user(self.user, self.environment)

    @cached_property
    def roles(self) -> list[str]:
        """The names of the person's roles here."""
        member = self.user.memberships.filter(tenant=self.tenant).first()
        return sorted(member.roles_in(self.environment)) if member else []

    @cached_property
    def items(self) -> list[Item]:
        """The pages that exist and that the person may open."""
        return [
            Item(key, str(label), icon, url, self._is_current(url), key == SECOND_PART)
            for key, label, icon, name, permission in PAGES
            if self.principal.has(permission)
            for url in (self.url(name),)
        ]

    @cached_property
    def places(self) -> list[Place]:
        """The environments of this tenant in which the person has a role."""
        held = Environment.objects.filter(
            tenant=self.tenant, roles__member__user=self.user
        ).distinct()
        return [
            Place(
                env.name,
                env.kind,
                reverse(self._home, args=(self.tenant.slug, env.slug)),
                env.pk == self.environment.pk,
            )
            for env in held.order_by("-kind", "name")
        ]

    @cached_property
    def waiting(self) -> int:
        """How many actions wait for this person; what they put aside is not counted."""
        # A page that lists them has counted them already: `approvals/views/waiting.py`.
        known: int | None = getattr(self.request, "needs_count", None)
        return services.needs(self.user, self.environment).count() if known is None else known

    @property
    def may_stop(self) -> bool:
        """Whether the person may use the kill switch here."""
        return self.principal.has("approvals.use_kill_switch")

    @cached_property
    def stopped(self) -> list[KillSwitch]:
        """What kill switches hold here, the widest first; said on every page."""
        if not self.principal.has("approvals.view_action"):
            return []
        found = services.stopped_here(self.environment)
        return sorted(found, key=lambda switch: not switch.is_over_all)

    @property
    def shown_stops(self) -> list[KillSwitch]:
        """Those of them that are told one by one."""
        return self.stopped[:MOST_STOPS]

    @property
    def stopped_beside(self) -> int:
        """How many of these are only counted: the page below has to stay in sight."""
        return max(0, len(self.stopped) - MOST_STOPS)

    @cached_property
    def alarm(self) -> BreakGlass | None:
        """What somebody decided alone and nobody has reviewed, said on every page."""
        may_see = self.principal.has("approvals.view_break_glass")
        return services.unreviewed(self.environment) if may_see else None

    @property
    def home(self) -> str:
        """The inbox; who may only read the audit log begins there."""
        return self.url(self._home)

    @property
    def _home(self) -> str:
        return "approvals:inbox" if self.principal.has("approvals.view_action") else "audit:records"

    @property
    def runs_url(self) -> str:
        """The list of runs."""
        return self.url("runs:list")

    @property
    def find_url(self) -> str:
        """Where the palette asks; empty for who may not."""
        return self.url("find") if self.principal.has("approvals.view_action") else ""

    @property
    def presence_url(self) -> str:
        """Where a page asks who else is reviewing what."""
        return self.url("presence")

    @property
    def count_url(self) -> str:
        """Where the inbox count is fetched again."""
        return self.url("approvals:inbox_count")

    @property
    def may_be_told(self) -> bool:
        """Whether the person sees actions here, and so may choose how to be told of them."""
        return self.principal.has("approvals.view_action")

    @property
    def may_delegate(self) -> bool:
        """Whether the person decides here, and so may name a substitute."""
        return self.principal.has("approvals.delegate_decision")

    @property
    def may_change_environment(self) -> bool:
        """Whether the person may set what policies see of the environment."""
        return self.principal.has("tenants.change_environment")

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo's organisation, said on every page."""
        return self.tenant.slug == DEMO

    @property
    def settings_url(self) -> str:
        """The environment's settings."""
        return self.url("tenants:environment")

    @property
    def stream(self) -> str:
        """The live stream of this environment; empty for who may not see what it tells of."""
        if not self.principal.has(STREAM_PERMISSION):
            return ""
        return f"/{self.where['tenant']}/{self.where['environment']}/stream/"

    def url(self, name: str) -> str:
        """The address of a page in this environment."""
        return reverse(name, kwargs=self.where)

    def _is_current(self, url: str) -> bool:
        return self.path.startswith(url)


def frame_of(request: Any) -> Frame | None:
    """The frame of this request, made once; None outside an environment or signed out."""
    if getattr(request, "environment", None) is None or not request.user.is_authenticated:
        return None
    if not hasattr(request, "desk_frame"):
        request.desk_frame = Frame(request)
    return request.desk_frame
