"""An event and a source as their pages show them to one person."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from approvals.models import Action
from gateway.runs.models import Run
from webhooks.curl import command
from webhooks.models import Event
from webhooks.schemes.base import Algorithm, Part
from webhooks.schemes.explain import PART_WORDS, span
from webhooks.states import EventStatus

VIEW_BODY = "webhooks.view_body"
PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
REPLAYABLE = frozenset({EventStatus.PROCESSED, EventStatus.IGNORED, EventStatus.DEAD})
SHOWN_SIGNATURE = 16
MAX_ITEMS = 50
NOTHING_MASKED = "(masked)"


@dataclass(frozen=True)
class Item:
    """A label with a text, a time or a link."""

    label: str
    text: str = ""
    url: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Check:
    """One step of the verification."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Result:
    """A run or an action that the event led to."""

    text: str
    status: str
    url: str


def place(row: Any, name: str, **parts: str) -> str:
    """The address of a page in the row's environment."""
    where = {"tenant": row.environment.tenant.slug, "environment": row.environment.slug}
    return reverse(name, kwargs={**where, **parts})


class EventPage:
    """Everything on the page of one event; the body only where it was asked for."""

    def __init__(self, request: Any, event: Event, *, with_body: bool = False) -> None:
        self.event = event
        self.user = request.user
        self.with_body = with_body

    def may(self, permission: str) -> bool:
        """Whether the reader has this permission here."""
        return bool(self.user.has_perm(permission, self.event.environment))

    @property
    def url(self) -> str:
        """The event's own page."""
        return place(self.event, "webhooks:event", event=self.event.public_id)

    @property
    def source(self) -> str:
        """The source's name."""
        return self.event.source.slug

    @property
    def source_url(self) -> str:
        """The source's page."""
        return place(self.event, "webhooks:source", source=self.event.source.slug)

    @property
    def type(self) -> str:
        """What the provider calls it."""
        return self.event.event_type or gettext("no type")

    @property
    def scheme(self) -> str:
        """How it was signed."""
        return self.event.source.rules.title

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.event.raw)

    @property
    def may_replay(self) -> bool:
        """Whether this person may have it processed again."""
        return self.event.status in REPLAYABLE and self.may_rehearse

    @property
    def may_rehearse(self) -> bool:
        """Whether this person may see what processing it again would lead to."""
        return self.event.body is not None and self.may("webhooks.replay_event")

    @property
    def may_debug(self) -> bool:
        """Whether this person may have its signature explained."""
        return self.may("webhooks.change_source")

    @property
    def may_release(self) -> bool:
        """Whether this person may take it out of quarantine."""
        is_held = self.event.status == EventStatus.QUARANTINED
        return is_held and self.may("webhooks.release_event")

    @property
    def problem_title(self) -> str:
        """What the reason is about."""
        if self.event.status == EventStatus.QUARANTINED:
            return gettext("Held back")
        return (
            gettext("Not processed")
            if self.event.status == EventStatus.DEAD
            else gettext("Last problem")
        )

    @property
    def problem(self) -> str:
        """Why it stands where it stands."""
        if self.event.status == EventStatus.QUARANTINED and not self.event.reason:
            return gettext("The same signed bytes were accepted before under another id.")
        return self.event.reason

    @property
    def twin_url(self) -> str:
        """The page of the event whose signed bytes came again as this one; found by the guard."""
        if self.event.status != EventStatus.QUARANTINED:
            return ""
        rows = Event.objects.within(self.event.environment).filter(source=self.event.source)
        # Where more than the body is signed the guard holds another digest: then none is found.
        twin = rows.filter(replay_digest=self.event.body_sha256).for_lists().first()
        return place(twin, "webhooks:event", event=twin.public_id) if twin else ""

    @property
    def body(self) -> str | None:
        """The body as text; None where it is not shown. Bytes that are no text stand as escapes."""
        if not self.with_body or self.event.body is None:
            return None
        return self.event.raw.decode("utf-8", "backslashreplace")

    @property
    def body_missing(self) -> str:
        """Why the body is not shown."""
        if self.event.body is None:
            return gettext("It was removed after its retention time; its SHA-256 stays.")
        if not self.may(VIEW_BODY):
            return gettext("Your role here does not show raw bodies: they may hold personal data.")
        return ""

    @property
    def curl(self) -> str:
        """The command that sends exactly these bytes again; only with the body."""
        if not self.with_body or self.event.body is None:
            return ""
        rules = self.event.source.rules
        never_kept = rules.signature_headers if rules.algorithm is Algorithm.TOKEN else ()
        # An item was never sent by itself: what came is its delivery.
        sent = self.event.delivery or self.event
        if sent.body is None:
            return ""
        return command(self.event.source.url, sent.header_pairs, sent.raw, masked=never_kept)

    @property
    def curl_note(self) -> str:
        """What the intake will say to it, as far as the signature's time decides that."""
        event, rules = self.event, self.event.source.rules
        if rules.algorithm is Algorithm.TOKEN:
            return gettext("The token was never stored: fill it in where it says so.")
        if not rules.signs_time or event.sent_at is None:
            return gettext("The signature has no time: sent again, it is answered as a duplicate.")
        limit = event.source.settings.get("tolerance_s") or rules.past_tolerance_s
        age = span((timezone.now() - event.sent_at).total_seconds())
        return gettext(
            "The signature is {age} old and counts for {span}: once that is over it "
            "is refused as stale. `send_event` signs anew."
        ).format(age=age, span=span(limit))

    @property
    def delivery_url(self) -> str:
        """The page of the delivery that this event is an item of."""
        if self.event.delivery is None:
            return ""
        return place(self.event, "webhooks:event", event=self.event.delivery.public_id)

    @cached_property
    def items(self) -> list[tuple[Event, str]]:
        """The first items of a delivery that carried several, each with its page."""
        found = Event.objects.within(self.event.environment).filter(delivery=self.event)
        rows = found.for_lists().order_by("item_index")[:MAX_ITEMS]
        return [(row, place(self.event, "webhooks:event", event=row.public_id)) for row in rows]

    @cached_property
    def item_count(self) -> int:
        """How many items the delivery had."""
        shown = len(self.items)
        return self.event.items.count() if shown == MAX_ITEMS else shown

    @property
    def fetched(self) -> str | None:
        """What a thin event was about, as its provider told it; None where it is not shown."""
        if not self.with_body or self.event.fetched is None:
            return None
        return bytes(self.event.fetched).decode("utf-8", "backslashreplace")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The kept headers, credentials masked."""
        return [
            (name, NOTHING_MASKED if name.lower() in PRIVATE_HEADERS else value)
            for name, value in self.event.header_pairs
        ]

    @property
    def about(self) -> list[Item]:
        """The event in short."""
        event = self.event
        rows = [
            Item(gettext("Received"), at=event.received_at),
            Item(gettext("Provider's id"), event.event_id),
            Item(gettext("Source"), event.source.slug, url=self.source_url),
            Item(gettext("Route"), event.route or gettext("not routed yet")),
            Item(
                gettext("Copies"),
                gettext("{count} more came in; they do nothing").format(count=event.duplicates)
                if event.duplicates
                else gettext("no more came in; they do nothing"),
            ),
            Item(gettext("Attempts"), str(event.attempts)),
        ]
        if event.sent_at:
            rows.insert(1, Item(gettext("Sent"), at=event.sent_at))
        if event.replays:
            rows.append(
                Item(gettext("Replayed"), gettext("{replays} times").format(replays=event.replays))
            )
        if event.due_at:
            rows.append(Item(gettext("Next try"), at=event.due_at))
        return [*rows, Item(gettext("Correlation"), event.correlation_id)]

    @property
    def verification(self) -> list[Check]:
        """What was checked before it was accepted, step by step."""
        event, rules = self.event, self.event.source.rules
        raw = gettext("{size} bytes, verified before any parsing").format(size=self.size)
        checks = [
            Check(gettext("Raw bytes"), raw, f"SHA-256 {event.body_sha256}"),
            self._header_check(),
        ]
        if rules.signs_time and event.sent_at:
            checks.append(self._time_check(event.sent_at))
        content = ", ".join(
            gettext(PART_WORDS[p]) for p in rules.wire.pieces if isinstance(p, Part)
        )
        checks.append(
            Check(
                gettext("Signed content"),
                gettext("Rebuilt from {content}").format(content=content),
                rules.signed,
            )
        )
        fits = gettext(
            "{algorithm} under one of the source's live keys, compared in constant time"
        ).format(algorithm=rules.algorithm)
        checks.append(Check(gettext("Comparison"), fits))
        signed = (
            gettext("It is signed")
            if rules.is_id_signed
            else gettext("It is not signed: equal bytes are held back")
        )
        return [*checks, Check(gettext("Event id"), signed, event.event_id)]

    def _header_check(self) -> Check:
        rules, sent = self.event.source.rules, dict(self.event.header_pairs)
        names = sorted(name.decode() for name in rules.wire.wanted)
        found = [(name, sent.get(name, "")) for name in names]
        note = " · ".join(f"{name} {value[:SHOWN_SIGNATURE]}…" for name, value in found if value)
        return Check(
            gettext("Headers"), gettext("Each that the scheme asks for is there once"), note
        )

    def _time_check(self, sent_at: datetime) -> Check:
        age = (self.event.received_at - sent_at).total_seconds()
        limit = self.event.source.rules.past_tolerance_s
        said = (
            gettext("Sent {age:.1f} s before it arrived; up to {limit} s are allowed")
            if age >= 0
            else gettext("Sent {age:.1f} s after it arrived; up to {limit} s are allowed")
        )
        return Check(gettext("Time"), said.format(age=abs(age), limit=limit))

    @cached_property
    def results(self) -> list[Result]:
        """The runs and actions that carry this event's id."""
        mark = self.event.public_id
        runs = Run.objects.within(self.event.environment)
        found = list(runs.filter(source_event=mark))
        if self.event.run_id:
            found += list(runs.filter(pk=self.event.run_id).exclude(source_event=mark))
        rows = [
            Result(
                gettext("Run {public_id}").format(public_id=run.public_id),
                run.status,
                place(self.event, "runs:detail", run=run.public_id),
            )
            for run in found
        ]
        actions = Action.objects.within(self.event.environment).filter(source_event=mark)
        return rows + [
            Result(
                action.effect or action.tool_name,
                action.status,
                place(self.event, "approvals:detail", action=action.public_id),
            )
            for action in actions
        ]
