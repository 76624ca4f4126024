"""`manage.py audit_export`: a folder that anybody can verify with `countersign_verify.py`."""

import re
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from audit import exporting, services, tree
from audit.actions import AuditAction
from audit.context import Scope, Target
from audit.exporting import CannotExport, Span

MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)


class Command(BaseCommand):
    """Writes records, checkpoints and keys; the export itself is recorded first."""

    help = "Export a log, a month or a range of it, so that it can be verified offline."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to, which log, from when to when."""
        parser.add_argument("folder", type=Path, help="is made; must not exist")
        parser.add_argument("--log", required=True, help="a tenant's id, or system")
        parser.add_argument("--month", help="YYYY-MM, in UTC")
        parser.add_argument("--since", metavar="TIME", help="ISO 8601 with a zone, inclusive")
        parser.add_argument("--until", metavar="TIME", help="likewise, exclusive")
        parser.add_argument("--first", type=int, metavar="LEAF", help="from this leaf on")
        parser.add_argument("--end", type=int, metavar="LEAF", help="up to, not with, this leaf")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the folder and say what is in it."""
        try:
            span = _span(options)
            _record(span)
            count = exporting.write(span, options["folder"])
        except (CannotExport, tree.Broken, OSError) as error:
            raise CommandError(f"cannot export: {error}") from error
        self.stdout.write(
            f"{options['folder']}: log {span.log}, leaves {span.first} to {span.end - 1} "
            f"({count}, of which {span.shown - span.first} with their records)"
        )


def _span(options: dict[str, Any]) -> Span:
    log, month = options["log"], options["month"]
    first, end = options["first"], options["end"]
    times = _time(options["since"]), _time(options["until"])
    if sum(map(bool, (month, any(times), first is not None or end is not None))) > 1:
        raise CannotExport("choose --month, or times, or leaves")
    if month:
        return exporting.span_of_time(log, *_month(month))
    if first is None and end is None:
        return exporting.span_of_time(log, *times)
    size = tree.size(log)
    first, end = first or 0, size if end is None else min(end, size)
    if not 0 <= first < end:
        raise CannotExport(f"log {log} has {size} leaves: there are none from {first} to {end}")
    return exporting.span_of_leaves(log, first, end)


def _month(text: str) -> tuple[datetime, datetime]:
    found = MONTH.fullmatch(text)
    if found is None:
        raise CannotExport(f"{text} is no month: write it as 2026-11")
    year, month = int(found[1]), int(found[2])
    begin = datetime(year, month, 1, tzinfo=UTC)
    return begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CannotExport(f"{text} is no time with a zone: write it as 2026-11-01T00:00:00Z")
    return found


def _record(span: Span) -> None:
    tenant = None if span.log == services.SYSTEM_LOG else span.log
    services.record(
        AuditAction.RECORDS_EXPORTED,
        target=Target("log", span.log),
        scope=Scope(tenant),
        meta={"first": span.first, "end": span.shown},
    )
