"""What routes would do to events of the past, or to a sample: nothing is carried out or kept."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.cel import Facts
from webhooks import routing
from webhooks.models import Event, Source
from webhooks.routing import RouteError, Rule
from webhooks.samples import Sample, body_of, samples_of
from webhooks.services import splitting
from webhooks.services.planning import see

SHOWN_EVENTS = 20
SAMPLE_ID = "sample"


@dataclass(frozen=True)
class Previewed:
    """One event, the route that would take it, and what would be filled in.

    `index` is the route's place, None where none would; `trouble` tells what had no value.
    """

    label: str
    event_type: str
    received_at: datetime | None = None
    event: str = ""
    index: int | None = None
    filled: dict[str, Any] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()


@transaction.atomic
def preview_routes(source: Source, rules: Sequence[Rule]) -> list[Previewed]:
    """The last events of the source under these rules; the provider's samples where none are kept.

    That content of events was looked at is recorded. The rules have to compile.
    """
    found = list(_events(source))
    if not found:
        return [preview_sample(source, sample, rules) for sample in samples_of(source.scheme)]
    audit.record(
        AuditAction.ROUTES_PREVIEWED,
        target=Target("source", source.public_id, source.version),
        scope=source.environment.audit_scope,
        meta={"events": len(found), "routes": len(rules)},
    )
    return [_of_event(event, rules) for event in found]


def _events(source: Source) -> Iterator[Event]:
    """The newest whose content is still there; a delivery of several events is shown by those."""
    rows = source.events.filter(body__isnull=False).order_by("-id")
    for event in rows.select_related("source__environment__tenant")[:SHOWN_EVENTS]:
        if not splitting.is_delivery(event):
            yield event


def _of_event(event: Event, rules: Sequence[Rule]) -> Previewed:
    seen = see(event, is_routed=True)
    index, filled, trouble = _routed(rules, seen.facts)
    return Previewed(
        event.event_id, seen.event_type, event.received_at, event.public_id, index, filled, trouble
    )


def preview_sample(source: Source, sample: Sample, rules: Sequence[Rule]) -> Previewed:
    """A sample of the source's provider under these rules; of a list its first event."""
    value = body_of(sample, event_id=SAMPLE_ID)
    value = value[0] if isinstance(value, list) else value
    body = routing.read_body(json.dumps(value).encode(), "application/json")
    types = source.rules.split.types if source.rules.split else ()
    named = next((str(value[name]) for name in types if name in value), "")
    event_type = sample.event_type or named or routing.type_in(source.rules, body)
    event = {
        "id": SAMPLE_ID, "type": event_type, "source": source.slug,
        "received_at": timezone.now().isoformat(), "sent_at": "",
    }  # fmt: skip
    index, filled, trouble = _routed(rules, routing.facts(event, [], body))
    return Previewed(
        f"Sample: {sample.title}", event_type, index=index, filled=filled, trouble=trouble
    )


def _routed(
    rules: Sequence[Rule], facts: Facts
) -> tuple[int | None, dict[str, Any], tuple[str, ...]]:
    choice = routing.choose(rules, facts)
    if choice.index is None:
        return None, {}, choice.trouble
    try:
        filled = routing.fill_in(rules[choice.index], facts)
    except RouteError as error:
        return choice.index, {}, (*choice.trouble, f"would not be filled in: {error}")
    return choice.index, filled, choice.trouble
