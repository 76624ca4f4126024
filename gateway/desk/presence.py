"""Who has which waiting action open: signs of life from their browsers, forgotten after a minute.

Nothing of it is a row, decides anything or keeps anybody from deciding. The signs stand in the
shared memory (Redis, else each process for itself) under one key for each environment; the stream
only says that somebody came or went, and pages ask who, with the reader's own permissions.
"""

import re
import uuid
from collections.abc import Iterable
from typing import Any, TypedDict

from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, ngettext

from approvals.models import Action
from approvals.states import ActionStatus
from gateway.lib import live, shared
from gateway.lib.html import page
from gateway.tenants.models import Environment, User

# A browser gives a sign every 25 seconds (static/js/presence.js): one may be lost.
STAYS_S = 60.0
# Nobody reviews more at once; a browser gone wild fills nothing.
MOST_OF_ONE = 10
# Where many are there, desks ask less often: each of them hears of every coming and going.
PAUSE_OF_ONE_S = 0.05
MOST_NAMES = 3
# Milliseconds since 1970, as a browser's clock has them.
STAMP = re.compile(r"[0-9]{1,15}")


class Sign(TypedDict):
    """The newest word of a person's browser about one action."""

    until: float  # seconds since 1970
    said: int  # when the browser said it, by its own clock: requests overtake each other
    is_here: bool


# By the action's id and the person's key (hex).
Signs = dict[str, dict[str, Sign]]


@page("approvals.decide_action")
def sign(request: Any, action: str) -> HttpResponse:
    """A browser shows the action to somebody who may decide; with `gone` it does not any more."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = get_object_or_404(Action.objects.within(request.environment).public(action))
    is_here = "gone" not in request.POST and found.status == ActionStatus.PENDING
    told = request.POST.get("said", "")
    said = int(told) if STAMP.fullmatch(told) else 0
    if give_sign(request.environment, found.public_id, request.user, is_here=is_here, said=said):
        news = {"kind": "presence", "id": found.public_id}
        live.publish(request.environment.live_topic, news)
    return HttpResponse(status=204)


@page("approvals.view_action")
def who(request: Any) -> HttpResponse:
    """Who else is reviewing what in this environment."""
    found = others(request.environment, request.user)
    people = User.objects.in_bulk({key for keys in found.values() for key in keys})
    return JsonResponse(
        {
            "there": [
                _shown(action, [people[key] for key in keys if key in people])
                for action, keys in found.items()
            ],
            "pause_s": PAUSE_OF_ONE_S * len(people),
        }
    )


def give_sign(
    place: Environment, action: str, person: User, *, is_here: bool, said: int = 0
) -> bool:
    """Note it; whether that changes who is there.

    `said` orders what one browser says: a sign that arrives after the leaving that followed it
    changes nothing.
    """
    me = person.pk.hex

    def how(value: Any, now: float) -> tuple[Signs, bool]:
        signs = _alive(value, now)
        before = signs.get(action, {}).get(me)
        if before and before["said"] > said:
            return signs, False
        word = Sign(until=now + STAYS_S, said=said, is_here=is_here)
        signs.setdefault(action, {})[me] = word
        # The ones heard of longest ago give way.
        mine = [one for one, people in signs.items() if me in people and one != action]
        mine.sort(key=lambda one: signs[one][me]["until"])
        for one in mine[: max(0, len(mine) + 1 - MOST_OF_ONE)]:
            del signs[one][me]
        return signs, (before is not None and before["is_here"]) != is_here

    return bool(shared.change(_key(place), how, ttl_s=STAYS_S))


def others(place: Environment, reader: User) -> dict[str, list[uuid.UUID]]:
    """Who else is there, by the action's id; who came last comes first."""
    value, now = shared.read(_key(place))
    signs = _alive(value, now)
    found = {
        action: [uuid.UUID(key) for key in _latest(people) if key != reader.pk.hex]
        for action, people in signs.items()
    }
    return {action: keys for action, keys in found.items() if keys}


def _key(place: Environment) -> str:
    return f"presence.{place.pk.hex}"


def _alive(value: Any, now: float) -> Signs:
    """A copy of what is stored, without what is over."""
    living = {
        action: {key: word for key, word in people.items() if word["until"] > now}
        for action, people in (value or {}).items()
    }
    return {action: people for action, people in living.items() if people}


def _latest(people: dict[str, Sign]) -> Iterable[str]:
    here = [key for key, word in people.items() if word["is_here"]]
    return sorted(here, key=lambda key: -people[key]["until"])


def _shown(action: str, people: list[User]) -> dict[str, Any]:
    return {"action": action, "says": said(people), "faces": [one.initials for one in people]}


def said(people: list[User]) -> str:
    """“Ana is reviewing”; of many only some by name."""
    names = [str(one) for one in people[:MOST_NAMES]]
    more = len(people) - len(names)
    if more:
        text = ngettext("%(names)s and %(count)d more are reviewing",
                        "%(names)s and %(count)d more are reviewing", more)  # fmt: skip
        return text % {"names": ", ".join(names), "count": more}
    if len(names) == 1:
        return gettext("%(name)s is reviewing") % {"name": names[0]}
    first, last = ", ".join(names[:-1]), names[-1]
    return gettext("%(first)s and %(last)s are reviewing") % {"first": first, "last": last}
