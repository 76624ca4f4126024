"""`manage.py send_event SOURCE FILE`: a signed test event, over HTTP like any provider's."""

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.lib import ids
from gateway.lib.errors import DomainError
from webhooks import services
from webhooks.models import Source

DEADLINE_S = 30.0


class Command(BaseCommand):
    """Signs a file with the source's secret and sends it to the source's address."""

    help = "Send a signed test event to a source (its id, slug or address)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The source, the body, and how often."""
        parser.add_argument("source")
        parser.add_argument("file", help="the body; - reads standard input")
        parser.add_argument("--type", default="", help="the event type, where a header tells it")
        parser.add_argument("--id", default="", help="the event id; numbered from the second on")
        parser.add_argument("--count", type=int, default=1, help="how many, each another body")
        parser.add_argument("--rate", type=float, default=0.0, help="at most so many a second")
        parser.add_argument("--url", default="", help="another entrance than the public one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, and say what was answered."""
        source = _source(options["source"])
        body = _body(options["file"])
        answers: Counter[int] = Counter()
        for number in range(1, options["count"] + 1):
            begun = time.monotonic()
            answer = self._send(source, services.numbered(body, number), number, options)
            answers[answer.status] += 1
            if options["count"] == 1:
                self.stdout.write(f"{answer.status} {answer.body.decode(errors='replace')}")
            if options["rate"] and number < options["count"]:
                time.sleep(max(0.0, begun + 1 / options["rate"] - time.monotonic()))
        if options["count"] > 1:
            told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
            self.stdout.write(told)
        if any(not 200 <= status < 300 for status in answers):
            raise CommandError("Not every event was accepted.")

    def _send(self, source: Source, body: bytes, number: int, options: dict[str, Any]) -> Answer:
        event_id = options["id"] and f"{options['id']}{'' if number == 1 else f'-{number}'}"
        try:
            signed = services.sign_event(
                source, body, event_id=event_id, event_type=options["type"]
            )
        except DomainError as error:
            raise CommandError(error.detail) from error
        if options["url"]:
            url = f"{options['url'].rstrip('/')}{urlsplit(signed.url).path}"
            signed = replace(signed, url=url)
        try:
            return services.deliver(signed, deadline_s=DEADLINE_S)
        except OutsideError as error:
            raise CommandError(f"{signed.url}: {error}") from error


def _source(name: str) -> Source:
    wanted = Q(slug=name) | Q(address=name)
    with suppress(ids.BadId):
        wanted |= Q(pk=ids.decode(Source.PREFIX, name))
    found = list(Source.objects.select_related("environment").filter(wanted, archived_at=None)[:2])
    if len(found) != 1:
        problem = "There is no source" if not found else "There is more than one source"
        raise CommandError(f"{problem} {name!r}: name its id or its address.")
    return found[0]


def _body(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from error
