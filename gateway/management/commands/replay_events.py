"""`manage.py replay_events`: finished events go through their routes once more."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone

from gateway.lib import ids
from gateway.lib.errors import DomainError
from gateway.tenants import principals
from webhooks import services
from webhooks.models import Event
from webhooks.states import FINAL, EventStatus


class Command(BaseCommand):
    """Replays the named events, or those that the filters find; attached to what exists."""

    help = "Process finished events again, attached to what exists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which events."""
        parser.add_argument("events", nargs="*", metavar="evt_…")
        parser.add_argument("--status", choices=sorted(FINAL), default=EventStatus.DEAD)
        parser.add_argument("--source", default="", help="only of the source with this slug")
        parser.add_argument("--hours", type=float, default=0, help="only of the last hours")
        parser.add_argument("--dry-run", action="store_true", help="only say which")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay one by one, each in a transaction of its own."""
        replayed = 0
        rows = _wanted(options).select_related("environment__tenant").order_by("id")
        for event in rows.iterator():
            self.stdout.write(f"{event.public_id} {event.status} {event.event_type}")
            if options["dry_run"]:
                continue
            try:
                services.replay(event=event, by=principals.system(event.environment))
            except DomainError as error:
                self.stderr.write(f"{event.public_id}: {error.detail}")
            else:
                replayed += 1
        self.stdout.write(f"{replayed} replayed")


def _wanted(options: dict[str, Any]) -> QuerySet[Event]:
    if options["events"]:
        try:
            keys = [ids.decode(Event.PREFIX, text) for text in options["events"]]
        except ids.BadId as error:
            raise CommandError(str(error)) from error
        return Event.objects.filter(pk__in=keys)
    rows = Event.objects.filter(status=options["status"])
    if options["source"]:
        rows = rows.filter(source__slug=options["source"])
    if options["hours"]:
        since = timezone.now() - timedelta(hours=options["hours"])
        rows = rows.filter(received_at__gte=since)
    return rows
