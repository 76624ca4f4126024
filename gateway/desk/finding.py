"""Finds by a few letters or an id: pages, actions, runs, events, tools, agents, saved views.

Only what the person may see, in this environment. The palette (Ctrl+K) asks it while they type;
without script it is a page with a form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.models import Action, SavedView
from gateway.agents.models import Agent
from gateway.desk.frame import Frame, frame_of
from gateway.lib import ids
from gateway.lib.html import page, show
from gateway.runs.models import Run
from gateway.tools.models import Tool
from webhooks.models import Event

EACH = 6
LONGEST = 100
# Commands are named so that they are found; the template knows how each is done.
COMMANDS = (
    ("theme", _("Switch between light and dark"), "moon"),
    ("keys", _("Show keyboard shortcuts"), "help-circle"),
)


@dataclass(frozen=True)
class Hit:
    """One thing that was found, and where it is."""

    kind: str
    label: str
    url: str
    icon: str
    note: str = ""


@dataclass(frozen=True)
class Command:
    """Something that the palette does at once."""

    name: str
    label: str
    icon: str


@page("approvals.view_action")
def find(request: Any) -> HttpResponse:
    """What fits `q`; without it the pages."""
    text = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST]
    frame = frame_of(request)
    assert frame is not None  # `page` lets nobody in who is not in an environment
    context = {"q": text, "hits": list(hits(frame, text)), "commands": commands(text)}
    return show(request, "desk/find.html", fragment="desk/_found.html", context=context)


def commands(text: str) -> list[Command]:
    """The commands whose name fits."""
    return [
        Command(key, str(label), icon) for key, label, icon in COMMANDS if _fits(text, str(label))
    ]


def hits(frame: Frame, text: str) -> Iterator[Hit]:
    """Everything that fits, an exact id first."""
    yield from _by_id(frame, text)
    yield from _pages(frame, text)
    if text:
        for permission, search in SEARCHES:
            if frame.principal.has(permission):
                yield from search(frame, text)


def _fits(text: str, label: str) -> bool:
    return all(word in label.lower() for word in text.lower().split())


def _pages(frame: Frame, text: str) -> Iterator[Hit]:
    for item in frame.items:
        if _fits(text, item.label):
            yield Hit(gettext("Page"), item.label, item.url, item.icon)
    if frame.may_change_environment and _fits(text, "settings"):
        yield Hit(gettext("Page"), gettext("Settings"), frame.settings_url, "settings")


def _by_id(frame: Frame, text: str) -> Iterator[Hit]:
    """The row whose public id this is, whole."""
    prefix = text.partition("_")[0]
    if prefix not in OF_ID:
        return
    model, name, part, permission, icon = OF_ID[prefix]
    if not frame.principal.has(permission):
        return
    try:
        key = ids.decode(prefix, text)
    except ids.BadId:
        return
    for row in model.objects.within(frame.environment).filter(pk=key):
        yield Hit(
            model.__name__, row.public_id, _at(frame, name, **{part: text}), icon, _about(row)
        )


OF_ID: dict[str, tuple[Any, str, str, str, str]] = {
    Action.PREFIX: (Action, "approvals:detail", "action", "approvals.view_action", "bolt"),
    Run.PREFIX: (Run, "runs:detail", "run", "runs.view_run", "route"),
    Event.PREFIX: (Event, "webhooks:event", "event", "webhooks.view_event", "webhook"),
    Tool.PREFIX: (Tool, "tools:detail", "tool", "tools.view_tool", "tool"),
    Agent.PREFIX: (Agent, "agents:detail", "agent", "agents.view_agent", "robot"),
}


def _about(row: Any) -> str:
    return str(getattr(row, "effect", "") or getattr(row, "task", "") or getattr(row, "name", ""))


def _tools(frame: Frame, text: str) -> Iterator[Hit]:
    found = Tool.objects.within(frame.environment).filter(name__icontains=text, archived_at=None)
    for tool in found.order_by("name")[:EACH]:
        yield Hit(
            gettext("Tool"), tool.name, _at(frame, "tools:detail", tool=tool.public_id), "tool"
        )


def _agents(frame: Frame, text: str) -> Iterator[Hit]:
    found = Agent.objects.within(frame.environment).filter(slug__icontains=text)
    for agent in found.order_by("slug")[:EACH]:
        url = _at(frame, "agents:detail", agent=agent.public_id)
        yield Hit(gettext("Agent"), agent.slug, url, "robot")


def _actions(frame: Frame, text: str) -> Iterator[Hit]:
    """Waiting actions by what they would do."""
    found = Action.objects.within(frame.environment).pending().filter(effect__icontains=text)
    for action in found.order_by("-id").only("id", "effect", "status")[:EACH]:
        url = _at(frame, "approvals:detail", action=action.public_id)
        yield Hit(gettext("Action"), action.effect, url, "bolt", action.public_id)


def _views(frame: Frame, text: str) -> Iterator[Hit]:
    """Saved views of the inbox: one's own, and those that others share."""
    user = frame.principal.user
    assert user is not None  # whoever looks at a page is a person
    seen = SavedView.objects.within(frame.environment).seen_by(user)
    for view in seen.filter(name__icontains=text).select_related("owner")[:EACH]:
        is_own = view.owner_id == user.pk
        whose = "" if is_own else gettext("shared by {owner}").format(owner=view.owner)
        url = _at(frame, "approvals:view", view=view.public_id)
        yield Hit(gettext("View"), view.name, url, "bookmark", whose)


SEARCHES: tuple[tuple[str, Callable[[Frame, str], Iterator[Hit]]], ...] = (
    ("approvals.view_action", _views),
    ("approvals.view_action", _actions),
    ("tools.view_tool", _tools),
    ("agents.view_agent", _agents),
)


def _at(frame: Frame, name: str, **parts: str) -> str:
    return reverse(name, kwargs={**frame.where, **parts})
