"""Why is a signature refused? A pasted request or a stored event, checked step by step."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.html import page
from gateway.lib.words import Words
from gateway.tenants.principals import of_user
from webhooks import services
from webhooks.forms import DebugForm
from webhooks.models import Event, Source
from webhooks.schemes.explain import Expected, Explanation, Step, Verdict
from webhooks.services import Arrived
from webhooks.views.pages import VIEW_BODY, EventPage
from webhooks.views.source_page import SourcePage

HEX_BYTES = 2048
HEX_WIDTH = 16
TEXT_BYTES = 64 * 1024
LOOKS: dict[Verdict, tuple[str, str, Words]] = {
    Verdict.OK: ("ok", "check", _("passed")),
    Verdict.FAILED: ("bad", "x", _("failed")),
    Verdict.NOT_REACHED: ("off", "circle-dashed", _("not reached")),
    Verdict.NOT_NEEDED: ("", "minus", _("not needed")),
}


@dataclass(frozen=True)
class HexRow:
    """Sixteen bytes: where they begin, in hex, and as text with a dot for what is no letter."""

    offset: str
    digits: str
    text: str


@dataclass(frozen=True)
class Compared:
    """The beginning that a secret would make beside what came: equal characters and the rest."""

    secret: str
    start: str
    is_it: bool
    nearest: str


class ExplanationPage:
    """An explanation as its page shows it; the signed bytes only where they may be seen."""

    def __init__(self, told: Explanation, *, with_bytes: bool) -> None:
        self.told = told
        self.with_bytes = with_bytes

    @property
    def steps(self) -> list[tuple[Step, tuple[str, str, Words]]]:
        """Each step with tone, icon and word of its verdict."""
        return [(step, LOOKS[step.verdict]) for step in self.told.steps]

    @property
    def content(self) -> bytes:
        """The exact bytes that were, or should have been, signed."""
        return self.told.content or b""

    @cached_property
    def hex_rows(self) -> list[HexRow]:
        """The beginning of the signed bytes as a dump."""
        shown = self.content[:HEX_BYTES]
        return [_row(at, shown[at : at + HEX_WIDTH]) for at in range(0, len(shown), HEX_WIDTH)]

    @property
    def lines(self) -> list[str]:
        """The signed bytes as text, line by line; bytes that are no text stand as escapes."""
        return self.content[:TEXT_BYTES].decode("utf-8", "backslashreplace").split("\n")

    @property
    def hex_rest(self) -> int:
        """How many bytes the dump leaves out."""
        return max(0, len(self.content) - HEX_BYTES)

    @property
    def text_rest(self) -> int:
        """How many bytes the text leaves out."""
        return max(0, len(self.content) - TEXT_BYTES)

    @property
    def compared(self) -> list[Compared]:
        """Each live secret's expected beginning beside what came."""
        return [_compared(row, self.told.received) for row in self.told.expected]


def _row(at: int, piece: bytes) -> HexRow:
    digits = piece.hex(" ").ljust(HEX_WIDTH * 3 - 1)
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "\u00b7" for byte in piece)
    return HexRow(f"{at:06x}", digits, text)


def _compared(row: Expected, received: tuple[str, ...]) -> Compared:
    starts = [text[: len(row.start)] for text in islice(received, 20)]
    nearest = row.start if row.is_it else next(iter(starts), "")
    return Compared(row.secret, row.start, row.is_it, nearest)


@page("webhooks.change_source")
def debug(request: Any, source: str) -> HttpResponse:
    """GET shows the form, POST explains the pasted request; nothing of it is kept."""
    rows = Source.objects.within(request.environment).filter(archived_at__isnull=True)
    found = get_object_or_404(
        rows.select_related("provider", "environment__tenant").prefetch_related("documents"),
        slug=source,
    )
    form = DebugForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"page": SourcePage(found), "form": form}
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        told = services.explain_request(
            found,
            given["pasted"],
            arrived=Arrived(given["received_at"], given["client"]),
            by=of_user(request.user, request.environment),
        )
        context["told"] = ExplanationPage(told, with_bytes=True)
    status = 422 if form.is_bound and not form.is_valid() else 200
    answer = render(request, "webhooks/debug.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


@page("webhooks.change_source")
def explain(request: Any, event: str) -> HttpResponse:
    """A stored event's verification once more; with `body=1`, for who may, its signed bytes."""
    rows = Event.objects.within(request.environment).public(event)
    found = get_object_or_404(
        rows.select_related("source__provider", "environment__tenant", "delivery__source__provider")
    )
    # An item of a delivery was never signed by itself.
    subject = found.delivery or found
    with_bytes = "body" in request.GET and request.user.has_perm(VIEW_BODY, request.environment)
    if with_bytes:
        audit.record(
            AuditAction.EVENT_BODY_READ,
            target=Target("event", subject.public_id),
            scope=request.environment.audit_scope,
        )
    context: dict[str, Any] = {"page": EventPage(request, found), "subject": subject}
    if subject.body is not None:
        told = services.explain_event(subject, by=of_user(request.user, request.environment))
        context["told"] = ExplanationPage(told, with_bytes=with_bytes)
    return render(request, "webhooks/explain.html", context)
