"""An event and a source as their pages show them to one person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Max, Sum
from django.urls import reverse
from django.utils import timezone

from approvals.models import Action
from gateway.runs.models import Run
from webhooks import services
from webhooks.curl import command
from webhooks.models import Event, Refusal, Route, Source
from webhooks.schemes.base import Algorithm, Part
from webhooks.schemes.explain import PART_WORDS, span
from webhooks.states import EventStatus

VIEW_BODY = "webhooks.view_body"
PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
REPLAYABLE = frozenset({EventStatus.PROCESSED, EventStatus.IGNORED, EventStatus.DEAD})
SHOWN_SIGNATURE = 16
REFUSAL_DAYS = 30
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
        return self.event.event_type or "no type"

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
            return "Held back"
        return "Not processed" if self.event.status == EventStatus.DEAD else "Last problem"

    @property
    def problem(self) -> str:
        """Why it stands where it stands."""
        if self.event.status == EventStatus.QUARANTINED and not self.event.reason:
            return "The same signed bytes were accepted before under another id."
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
            return "It was removed after its retention time; its SHA-256 stays."
        if not self.may(VIEW_BODY):
            return "Your role here does not show raw bodies: they may hold personal data."
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
            return "The token was never stored: fill it in where it says so."
        if not rules.signs_time or event.sent_at is None:
            return "The signature has no time: sent again, it is answered as a duplicate."
        limit = event.source.settings.get("tolerance_s") or rules.past_tolerance_s
        age = span((timezone.now() - event.sent_at).total_seconds())
        return (
            f"The signature is {age} old and counts for {span(limit)}: once that is over it is "
            "refused as stale. `send_event` signs anew."
        )

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
            Item("Received", at=event.received_at),
            Item("Provider's id", event.event_id),
            Item("Source", event.source.slug, url=self.source_url),
            Item("Route", event.route or "not routed yet"),
            Item("Copies", f"{event.duplicates or 'no'} more came in; they do nothing"),
            Item("Attempts", str(event.attempts)),
        ]
        if event.sent_at:
            rows.insert(1, Item("Sent", at=event.sent_at))
        if event.replays:
            rows.append(Item("Replayed", f"{event.replays} times"))
        if event.due_at:
            rows.append(Item("Next try", at=event.due_at))
        return [*rows, Item("Correlation", event.correlation_id)]

    @property
    def verification(self) -> list[Check]:
        """What was checked before it was accepted, step by step."""
        event, rules = self.event, self.event.source.rules
        raw = f"{self.size} bytes, verified before any parsing"
        checks = [Check("Raw bytes", raw, f"SHA-256 {event.body_sha256}"), self._header_check()]
        if rules.signs_time and event.sent_at:
            checks.append(self._time_check(event.sent_at))
        content = ", ".join(PART_WORDS[p] for p in rules.wire.pieces if isinstance(p, Part))
        checks.append(Check("Signed content", f"Rebuilt from {content}", rules.signed))
        fits = f"{rules.algorithm} under one of the source's live keys, compared in constant time"
        checks.append(Check("Comparison", fits))
        signed = "is signed" if rules.is_id_signed else "is not signed: equal bytes are held back"
        return [*checks, Check("Event id", f"It {signed}", event.event_id)]

    def _header_check(self) -> Check:
        rules, sent = self.event.source.rules, dict(self.event.header_pairs)
        names = sorted(name.decode() for name in rules.wire.wanted)
        found = [(name, sent.get(name, "")) for name in names]
        note = " · ".join(f"{name} {value[:SHOWN_SIGNATURE]}…" for name, value in found if value)
        return Check("Headers", "Each that the scheme asks for is there once", note)

    def _time_check(self, sent_at: datetime) -> Check:
        age = (self.event.received_at - sent_at).total_seconds()
        limit = self.event.source.rules.past_tolerance_s
        when = f"Sent {abs(age):.1f} s {'before' if age >= 0 else 'after'} it arrived"
        return Check("Time", f"{when}; up to {limit} s are allowed")

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
                f"Run {run.public_id}",
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


class SourcePage:
    """Everything on the page of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.now = timezone.now()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.source.name or self.source.slug

    @property
    def state(self) -> str:
        """On or off."""
        return "enabled" if self.source.is_enabled else "disabled"

    @property
    def address(self) -> str:
        """Where providers send to."""
        return self.source.url

    @cached_property
    def usually(self) -> str:
        """How often it sends, in words; empty where that is not known."""
        found = services.rhythm(self.source)
        return f"usually every {span(found.usual_s)}" if found else ""

    @property
    def events(self) -> int:
        """How many it accepted."""
        return self.source.events.count()

    @property
    def about(self) -> list[Item]:
        """The source in short."""
        source = self.source
        events = place(source, "webhooks:events")
        last = Item("Last event", at=source.last_event_at)
        rows = [
            Item("Scheme", f"{source.rules.title} ({source.scheme})"),
            Item("Events", str(self.events), url=f"{events}?source={source.slug}"),
            last if source.last_event_at else Item("Last event", "none yet"),
            Item("Rhythm", self.usually or "too few events to tell"),
            Item("Provider", source.provider.slug if source.provider else "none"),
        ]
        rows += [Item(name, str(value)) for name, value in sorted(source.settings.items())]
        return [*rows, Item("Id", source.public_id)]

    @property
    def secrets(self) -> list[tuple[Any, str]]:
        """Each secret and whether it counts now; values never leave the database."""
        return [
            (secret, "enabled" if secret.is_live(self.now) else "expired")
            for secret in self.source.secrets.all()
        ]

    @property
    def has_live_secret(self) -> bool:
        """Whether anything can be accepted now."""
        return any(secret.is_live(self.now) for secret in self.source.secrets.all())

    @property
    def refusals(self) -> Any:
        """The counts of the last days by reason."""
        since = self.now - timedelta(days=REFUSAL_DAYS)
        return refusals_since(since).filter(source=self.source)

    @property
    def routes(self) -> list[tuple[Route, str]]:
        """The routes in order, each with what it feeds."""
        return [(route, _leads_to(route)) for route in self.source.routes.select_related("agent")]

    @property
    def implicit_route(self) -> str:
        """What happens where no route says otherwise."""
        if self.source.provider:
            return f"Every event feeds the runs of {self.source.provider.slug}."
        return "Every event is only recorded."


def refusals_since(since: datetime) -> Any:
    """Refusals by reason since a moment: how many, and when last."""
    rows = Refusal.objects.filter(hour__gte=since - timedelta(hours=1), last_at__gte=since)
    grouped = rows.order_by().values("reason")
    return grouped.annotate(total=Sum("count"), latest=Max("last_at")).order_by("-total")


def _leads_to(route: Route) -> str:
    if route.agent:
        return route.agent.slug
    return route.tool
