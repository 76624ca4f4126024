"""The inbox: what waits for this person, for the team, and what is done."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, IntegerField, Q, When
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.forms import ActionFilter
from approvals.models import Action
from approvals.states import ActionStatus
from approvals.views import today, waiting
from approvals.views.card import Card
from approvals.views.lists import CSV_HEADER, cells
from approvals.views.rows import Row, place
from approvals.views.saved import Views
from gateway.lib import ids
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.models import Group

TABS = {
    "mine": _("Needs me"), "team": _("Team"), "others": _("With others"), "held": _("Held"),
    "done": _("Done"),
}  # fmt: skip
FILTERS = ("q", "risk", "tool", "agent", "sort")
ORDERS = {
    "deadline": ("decide_by", "pk"), "newest": ("-pk",), "oldest": ("pk",),
    "agent": ("agent__slug", "decide_by", "pk"), "tool": ("tool_name", "decide_by", "pk"),
}  # fmt: skip
DECIDED = (
    ActionStatus.APPROVED, ActionStatus.REJECTED, ActionStatus.EXPIRED, ActionStatus.EXECUTING,
    ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.UNKNOWN, ActionStatus.CANCELED,
)  # fmt: skip
# Where what is new waits behind a pill.
LIVE_TABS = ("mine", "team")
TICKED_TABS = ("mine", "team", "others")
KEPT = ("assignee", "snoozed")
ME = "me"
# Who may decide can tick rows; who may assign finds that among what is done with them.
DECIDE, ASSIGN = "approvals.decide_action", "approvals.assign_action"
SHOWN = ("assignee", "assigned_group", "taken_by")
BY_RISK = Case(
    *(When(risk=risk, then=place) for place, risk in enumerate(("critical", "high", "medium"))),
    default=3,
    output_field=IntegerField(),
)
BY_URGENCY = (BY_RISK, "decide_by", "pk")


@dataclass(frozen=True)
class Tab:
    """One view of the inbox."""

    label: str
    url: str
    is_current: bool
    count: int | None


@dataclass(frozen=True)
class Chip:
    """One filter that is set; its address is the page without it."""

    label: str
    url: str


class Inbox:
    """The list as one request asks for it."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.environment = request.environment
        self.user = request.user
        self.tab = request.GET.get("tab", "mine")
        if self.tab not in TABS:
            self.tab = "mine"
        self.filters = ActionFilter(request.GET)
        self.base = place(self, "approvals:inbox")

    @property
    def is_live(self) -> bool:
        """Whether what is new comes to this tab by itself."""
        return self.tab in LIVE_TABS

    @property
    def is_aside(self) -> bool:
        """Whether what this person put aside is asked for, instead of what was not."""
        return self.tab == "mine" and self.request.GET.get("snoozed") == "1"

    def _mine(self) -> Any:
        return waiting.aside(self.request) if self.is_aside else waiting.needs(self.request)

    def _team(self) -> Any:
        return Action.objects.within(self.environment).pending()

    def _others(self) -> Any:
        return services.on_others(self.user, self.environment)

    def _held(self) -> Any:
        return Action.objects.within(self.environment).held()

    @property
    def _is_assigned(self) -> Q:
        """Whether a row is assigned to this person, or to a group of theirs."""
        groups = Group.objects.of(self.environment.tenant).filter(members__user=self.user)
        return Q(assignee=self.user) | Q(assigned_group__in=groups.values("pk"))

    @cached_property
    def _pending(self) -> dict[str, int]:
        """How many wait for the team, and of them for this person by name."""
        counts = {"team": Count("pk"), "assigned": Count("pk", filter=self._is_assigned)}
        found: dict[str, int] = self._team().order_by().aggregate(**counts)
        return found

    def _done(self) -> Any:
        rows = Action.objects.within(self.environment).filter(status__in=DECIDED)
        return rows.exclude(requirement__isnull=True)

    @property
    def is_whole(self) -> bool:
        """Whether nothing narrows what needs this person, so that its count is known already."""
        names = ({*FILTERS, *KEPT, *self.filters.fields} - {"sort"}) & {*self.request.GET}
        return self.tab == "mine" and not any(self._is_set(name) for name in names)

    def actions(self) -> Any:
        """The actions of the tab that fit the filters; undecided ones by risk, then time left."""
        rows = self._of_tab()
        if self.request.GET.get("assignee") == ME:
            rows = rows.filter(self._is_assigned)
        rows = self.filters.narrow(rows)
        if self.tab == "done":
            return rows.order_by("-id")
        if self.tab == "held":
            return rows.order_by("due_at", "pk")
        return rows.order_by(*ORDERS.get(self.request.GET.get("sort", ""), BY_URGENCY))

    def _of_tab(self) -> Any:
        rows = {
            "mine": self._mine, "team": self._team, "others": self._others, "held": self._held,
            "done": self._done,
        }  # fmt: skip
        return rows[self.tab]()

    def tabs(self) -> list[Tab]:
        """The views with their counts."""
        needs = waiting.needs_count(self.request)
        counts = {"mine": needs, "team": self._pending["team"], "held": self._held().count()}
        return [
            Tab(
                str(label),
                self._with(tab=key if key != "mine" else ""),
                key == self.tab,
                # Nobody looks for what rests while nothing does.
                counts.get(key) if key != "held" else counts[key] or None,
            )
            for key, label in TABS.items()
        ]

    def chips(self) -> list[Chip]:
        """The filters that are set."""
        chosen = [(name, self.request.GET.get(name, "").strip()) for name in FILTERS]
        labels = {"q": gettext("Search"), "sort": gettext("Order")}
        set_ = (
            [Chip(gettext("Assigned to me"), self._with(assignee=""))]
            if self._is_set("assignee")
            else []
        )
        set_ += [Chip(gettext("Snoozed"), self._with(snoozed=""))] if self.is_aside else []
        return set_ + [
            Chip(f"{labels.get(name, name.capitalize())}: {value}", self._with(**{name: ""}))
            for name, value in chosen
            if value
        ]

    def offers(self) -> list[Chip]:
        """The views that a person may turn on, with how much is in each."""
        found = []
        if not self._is_set("assignee") and self.is_live:
            count = self._pending["assigned"]
            found += (
                [
                    Chip(
                        gettext("Assigned to me {count}").format(count=count),
                        self._with(assignee=ME),
                    )
                ]
                if count
                else []
            )
        if self.tab == "mine" and not self.is_aside:
            count = waiting.aside(self.request).count()
            found += (
                [Chip(gettext("Snoozed {count}").format(count=count), self._with(snoozed="1"))]
                if count
                else []
            )
        return found

    def _is_set(self, name: str) -> bool:
        return bool(self.request.GET.get(name))

    def _with(self, **changes: str) -> str:
        params: QueryDict = self.request.GET.copy()
        for name in ("page", "selected", "after", "format", "part"):
            params.pop(name, None)
        for name, value in changes.items():
            params.pop(name, None)
            if value:
                params[name] = value
        return f"{self.base}?{params.urlencode()}" if params else self.base

    def context(self) -> dict[str, Any]:
        """What `_inbox.html` and its parts show."""
        page_obj = self._page()
        shown = page_obj.object_list
        links = self.links()
        here = links["list_url"]
        newest = max((row.pk for row in shown), default=None)
        after = urlencode({"after": ids.encode("act", newest)} if newest else {})
        mark = "&" if "?" in here else "?"
        return {
            "tab": self.tab,
            "is_live": self.is_live,
            "has_ticks": self.tab in TICKED_TABS,
            "may_decide": waiting.may(self.request, DECIDE),
            "may_assign": waiting.may(self.request, ASSIGN),
            "tabs": self.tabs(),
            "chips": self.chips(),
            "offers": self.offers(),
            "views": Views(self.request, self.base),
            "kept": [(name, self.request.GET[name]) for name in KEPT if self._is_set(name)],
            "filters": [self.filters[name] for name in FILTERS],
            "page_obj": page_obj,
            "rows": [Row(action, inbox=here) for action in shown],
            "oldest": self._oldest(shown),
            "selected": self.request.GET.get("selected", ""),
            **links,
            "new_url": f"{here}{mark}part=new&{after}",
            "clear_url": self.base if self.tab == "mine" else f"{self.base}?tab={self.tab}",
            "done_url": f"{self.base}?tab=done",
        }

    def links(self) -> dict[str, Any]:
        """Where this list is, and its rows alone."""
        here = self._with()
        return {"list_url": here, "rows_url": f"{here}{'&' if '?' in here else '?'}part=rows"}

    def _page(self) -> Any:
        """The page: which rows first, from the index alone, and only those fifty then in full."""
        count = waiting.needs_count(self.request) if self.is_whole else None
        page_obj = paged(self.request, self.actions().values_list("pk", flat=True), count=count)
        keys = list(page_obj.object_list)
        lines = Action.objects.select_related(*SHOWN).prefetch_related("approvals")
        page_obj.object_list = lines.as_lines(keys)
        return page_obj

    def _oldest(self, rows: Any) -> Any:
        return min((r.created_at for r in rows), default=None) if self.is_live else None

    def new_count(self) -> int:
        """How many came after the newest one that the page shows."""
        found = self.filters.narrow(self._mine() if self.tab == "mine" else self._team())
        if after := self.request.GET.get("after"):
            try:
                found = found.filter(pk__gt=ids.decode("act", after))
            except ids.BadId:
                return 0
        return found.count()


@page("approvals.view_action")
def inbox(request: Any) -> HttpResponse:
    """The inbox; `part` asks for the rows or the count of new ones alone."""
    listed = Inbox(request)
    if request.GET.get("format") == "csv":
        rows = map(cells, listed.actions().for_lists())
        return csv_answer(request, "inbox", header=CSV_HEADER, rows=rows)
    if request.GET.get("part") == "new":
        return render(request, "approvals/_new.html", _new(listed))
    if request.GET.get("part") == "rows":
        return render(request, "approvals/_rows_answer.html", listed.context())
    return render(request, "approvals/inbox.html", listed.context() | _beside(request))


@page("approvals.view_action")
def inbox_count(request: Any) -> HttpResponse:
    """The number beside Inbox in the side bar."""
    return render(request, "approvals/_inbox_count.html")


@page("approvals.view_action")
def row(request: Any, action: str) -> HttpResponse:
    """One line of the inbox, as it stands now."""
    found = Action.objects.within(request.environment).public(action)
    rows = found.for_lists().with_first_use().with_hold()
    line = get_object_or_404(rows.prefetch_related("approvals"))
    home = place(line, "approvals:inbox")
    context = {"row": Row(line, inbox=home), "may_decide": waiting.may(request, DECIDE)}
    return render(request, "approvals/_row_item.html", context)


def _new(listed: Inbox) -> dict[str, Any]:
    """The pill: every open desk asks for it after every change, so it reads no rows."""
    count = listed.new_count() if listed.is_live else 0
    return listed.links() | {"count": count}


def _beside(request: Any) -> dict[str, Any]:
    """The chosen action for the pane, or today's figures."""
    selected = Action.objects.within(request.environment).public(request.GET.get("selected", ""))
    if (action := selected.for_lists().first()) is not None:
        services.opened(action, request.user)
        return {"card": Card(request, action)}
    return today.beside(request)
