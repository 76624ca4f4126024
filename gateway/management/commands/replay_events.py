"""`manage.py replay_events`: finished events go through their routes once more."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone

from gateway.lib import ids
from gateway.tenants import principals
from webhooks import services
from webhooks.models import Event, Source
from webhooks.services import DryRun, Which
from webhooks.states import FINAL, EventStatus

BATCH = 200


class Command(BaseCommand):
    """Replays the named events, or those that the filters find, the oldest first."""

    help = "Process finished events again: attached to what exists, or --as-new."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which events, and how."""
        parser.add_argument("events", nargs="*", metavar="evt_…")
        parser.add_argument("--status", choices=sorted(FINAL), default=EventStatus.DEAD)
        parser.add_argument("--source", default="", help="only of the source with this slug or id")
        parser.add_argument("--type", default="", help="only of this type")
        parser.add_argument("--hours", type=float, default=0, help="only of the last hours")
        parser.add_argument("--since", type=_moment, help="received then or later, ISO 8601")
        parser.add_argument("--until", type=_moment, help="received before, ISO 8601")
        parser.add_argument("--limit", type=int, default=0, help="at most so many")
        parser.add_argument("--as-new", action="store_true", help="with new runs and actions")
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay batch by batch, each event in a transaction of its own."""
        keys = list(_wanted(options).order_by("id").values_list("pk", flat=True))
        keys = keys[: options["limit"] or None]
        done = 0
        for at in range(0, len(keys), BATCH):
            for events in _by_environment(keys[at : at + BATCH]):
                done += self._batch(events, options)
            if len(keys) > BATCH:
                self.stderr.write(f"{min(at + BATCH, len(keys))} of {len(keys)}")
        self.stdout.write(f"{done} replayed")

    def _batch(self, events: list[Event], options: dict[str, Any]) -> int:
        """One batch of one environment; how many were replayed."""
        by, as_new = principals.system(events[0].environment), options["as_new"]
        for event in events:
            self.stdout.write(f"{event.public_id} {event.status} {event.event_type}")
            if options["dry_run"]:
                shown = services.dry_run(event=event, by=by, as_new=as_new)
                self.stdout.write(f"  {_line(shown)}")
        if options["dry_run"]:
            return 0
        results = services.replay_many(events, by=by, as_new=as_new)
        for result in results:
            if result.code:
                self.stderr.write(f"{result.event.public_id}: {result.detail}")
        return sum(not result.code for result in results)


def _line(shown: DryRun) -> str:
    words = [shown.effect, f"by {shown.route!r}" if shown.route else "", shown.note]
    return " · ".join([word for word in words if word] + list(shown.trouble))


def _by_environment(keys: list[Any]) -> Iterator[list[Event]]:
    rows = Event.objects.filter(pk__in=keys).select_related(
        "source__provider", "environment__tenant"
    )
    for _, events in groupby(rows.order_by("environment", "id"), lambda e: e.environment_id):
        yield list(events)


def _wanted(options: dict[str, Any]) -> QuerySet[Event]:
    if options["events"]:
        try:
            keys = [ids.decode(Event.PREFIX, text) for text in options["events"]]
        except ids.BadId as error:
            raise CommandError(str(error)) from error
        return Event.objects.filter(pk__in=keys)
    since = options["since"]
    if options["hours"]:
        since = timezone.now() - timedelta(hours=options["hours"])
    which = Which(
        status=options["status"], type=options["type"], since=since, until=options["until"]
    )
    rows = services.select(Event.objects.all(), which)
    return rows.filter(source__in=_sources(options["source"])) if options["source"] else rows


def _sources(name: str) -> QuerySet[Source]:
    """A slug may stand in several environments; a person on the server means all of them."""
    found = Source.objects.public(name) | Source.objects.filter(slug=name)
    if not found.exists():
        raise CommandError(f"There is no source {name!r}: name its slug or its id.")
    return found


def _moment(text: str) -> datetime:
    """Raises ValueError, which the parser tells, for what is no ISO 8601 time."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else timezone.make_aware(found)
