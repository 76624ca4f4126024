"""Needs attention: what is wrong, how much of it, since when, and what to do."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from gateway.board import attention as board
from gateway.lib.html import csv_answer, page, show

VIEW = "approvals.view_action"
CSV_HEADER = ("kind", "what", "count", "oldest", "what_to_do", "note")


@dataclass(frozen=True)
class Link:
    """One of the rows, as a link."""

    label: str
    url: str


@dataclass(frozen=True)
class Card:
    """One kind of trouble as the page shows it."""

    group: board.Group
    url: str
    links: tuple[Link, ...]

    @property
    def more(self) -> int:
        """How many there are beyond the named ones."""
        return self.group.found.count - len(self.links) if self.links else 0


@page(VIEW)
def attention(request: Any) -> HttpResponse:
    """Everything that waits for somebody to look after it, the gravest kinds first."""
    found = board.groups(request.environment, may=_may(request))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "attention", header=CSV_HEADER, rows=map(_cells, found))
    context = {"cards": [_card(request, group) for group in found]}
    return show(request, "board/attention.html", fragment="board/_attention.html", context=context)


@page(VIEW)
def attention_count(request: Any) -> HttpResponse:
    """The number beside Needs attention in the side bar."""
    count = board.count(request.environment, may=_may(request))
    return render(request, "board/_attention_count.html", {"count": count})


def _may(request: Any) -> board.May:
    return lambda permission: bool(request.user.has_perm(permission, request.environment))


def _card(request: Any, group: board.Group) -> Card:
    where = {"tenant": request.environment.tenant.slug, "environment": request.environment.slug}
    watch = group.watch
    address = reverse(watch.page, kwargs=where)
    links = tuple(
        Link(named.label, reverse(named.page, kwargs={**where, **named.parts}))
        for named in group.found.named
    )
    return Card(group, f"{address}?{watch.query}" if watch.query else address, links)


def _cells(group: board.Group) -> tuple[object, ...]:
    watch, found = group.watch, group.found
    return (watch.key, watch.title, found.count, found.oldest, watch.advice, found.note)
