"""Sources that are quieter than usual: noticed by the sweep, told once, over with the next event.

A pause counts only where the same hours a week before (or, of a young source, a day before) were
not as quiet: nights and weekends are no alarm. What is worked out about a source is remembered in
the process while it stays quiet, so a tick costs one small query.
"""

import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import ids
from webhooks.models import Event, Source
from webhooks.rhythm import Rhythm, rhythm_of

log = structlog.get_logger(__name__)
TICK_S = 30.0
SAMPLE = 50
HISTORY = timedelta(days=30)
SHORTEST_S = 60
WEEK, DAY = timedelta(days=7), timedelta(days=1)
# How much of the time that it is quiet beyond the limit passes until it is looked at again.
AGAIN = 0.1


@dataclass
class Watch:
    """What one process knows of sources that are quiet now."""

    rhythms: dict[uuid.UUID, tuple[datetime, Rhythm | None]] = field(default_factory=dict)
    look_again: dict[uuid.UUID, datetime] = field(default_factory=dict)
    ticked_at: float = -TICK_S

    def tick(self) -> None:
        """Look around, at most twice a minute."""
        if time.monotonic() - self.ticked_at >= TICK_S:
            self.ticked_at = time.monotonic()
            self.look(timezone.now())

    def look(self, now: datetime) -> int:
        """Note sources that fell silent and those that are heard again; how many fell silent."""
        _clear_heard()
        quiet = [source for source in _open() if _quiet_since(source) <= now - _shortest()]
        known = {source.pk for source in quiet}
        self.rhythms = {pk: kept for pk, kept in self.rhythms.items() if pk in known}
        self.look_again = {pk: at for pk, at in self.look_again.items() if pk in known}
        return sum(self._consider(source, now) for source in quiet)

    def _consider(self, source: Source, now: datetime) -> bool:
        if self.look_again.get(source.pk, now) > now:
            return False
        since, rhythm = _quiet_since(source), self._rhythm(source)
        asked = source.settings.get("silent_after_s")
        limit_s = asked or (rhythm.limit_s if rhythm else None)
        if limit_s is None or (now - since).total_seconds() < limit_s:
            return False
        if not asked and _is_usual(source, since, limit_s=limit_s, now=now):
            self.look_again[source.pk] = now + timedelta(seconds=AGAIN * limit_s)
            return False
        return _tell(source, since, usual_s=rhythm.usual_s if rhythm else None)

    def _rhythm(self, source: Source) -> Rhythm | None:
        since = _quiet_since(source)
        kept = self.rhythms.get(source.pk)
        if kept is None or kept[0] != since:
            kept = self.rhythms[source.pk] = (since, rhythm(source))
        return kept[1]


WATCH = Watch()


def silent(sources: QuerySet[Source]) -> QuerySet[Source]:
    """Those that are quieter than usual; the next event ends that at once."""
    unheard = Q(last_event_at=None) | Q(last_event_at__lte=F("silent_since"))
    return sources.filter(unheard, is_enabled=True, archived_at=None, silent_since__isnull=False)


def rhythm(source: Source) -> Rhythm | None:
    """How often the source sent before it was last heard; None where that is not known.

    Events are found by the time in their ids, for which there is an index.
    """
    if source.last_event_at is None:
        return None
    last = source.last_event_at + timedelta(seconds=1)
    events = _between(source, last - HISTORY, last).filter(delivery=None).order_by("-id")
    moments = events.values_list("received_at", flat=True)[: SAMPLE + 1]
    return rhythm_of([moment.timestamp() for moment in moments])


def _open() -> list[Source]:
    rows = Source.objects.filter(is_enabled=True, archived_at=None, silent_since=None)
    return list(rows.select_related("environment__tenant"))


def _shortest() -> timedelta:
    return timedelta(seconds=SHORTEST_S)


def _quiet_since(source: Source) -> datetime:
    return source.last_event_at or source.created_at


def _between(source: Source, start: datetime, end: datetime) -> QuerySet[Event]:
    return Event.objects.filter(
        environment_id=source.environment_id,
        source=source,
        id__gte=ids.floor(start.timestamp()),
        id__lt=ids.floor(end.timestamp()),
    )


def _is_usual(source: Source, since: datetime, *, limit_s: float, now: datetime) -> bool:
    """Whether the same hours were as quiet before; a young source has nothing to compare with."""
    # Last time the pause may have begun somewhat later.
    start = since + timedelta(seconds=limit_s / 2)
    for back in (WEEK, DAY):
        if _between(source, since - back - DAY, since - back).exists():
            return not _between(source, start - back, now - back).exists()
    return False


def _tell(source: Source, since: datetime, *, usual_s: float | None) -> bool:
    """Note it once; whoever heard from the source meanwhile, or noted it first, wins.

    The outbound webhook `source.silent` belongs here as soon as there are outbound webhooks.
    """
    rows = Source.objects.filter(
        pk=source.pk, silent_since=None, last_event_at=source.last_event_at, is_enabled=True
    )
    with transaction.atomic():
        if not rows.update(silent_since=since):
            return False
        _record(source, AuditAction.SOURCE_SILENT, [None, since.isoformat()], usual_s=usual_s)
    log.warning("source_silent", source=source.public_id, since=since.isoformat())
    return True


def _clear_heard() -> None:
    heard = Source.objects.filter(last_event_at__gt=F("silent_since"))
    for source in heard.select_related("environment__tenant"):
        assert source.silent_since is not None
        with transaction.atomic():
            rows = Source.objects.filter(pk=source.pk, silent_since=source.silent_since)
            if rows.update(silent_since=None):
                before = source.silent_since.isoformat()
                _record(source, AuditAction.SOURCE_HEARD, [before, None])


def _record(
    source: Source,
    action: AuditAction,
    changed: list[str | None],
    *,
    usual_s: float | None = None,
) -> None:
    audit.record(
        action,
        target=Target("source", source.public_id, source.version),
        scope=source.environment.audit_scope,
        changes={"silent_since": changed},
        meta={} if usual_s is None else {"usually_every_s": round(usual_s)},
    )
