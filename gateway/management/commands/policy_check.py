"""`manage.py policy_check`: ends with 0 where policies compile and pass their tests, else 1."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.models import Policy
from approvals.policy.cases import CasesError
from approvals.policy.documents import Document, read_document
from approvals.services.examining import Examined, examine, examine_stored

MAX_FILE_BYTES = 1_048_576


class Command(BaseCommand):
    """Reads a file, or the stored policies, and changes nothing."""

    help = "Compile policies, run their tests and warn; FILE is YAML or JSON with rules and cases."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which policies, and in which form to tell."""
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
        parser.add_argument("--policy", default="", help="only the policy with this name")
        parser.add_argument("--tenant", default="", help="only of the tenant with this slug")
        parser.add_argument("--environment", default="", help="only of this environment")
        parser.add_argument("--strict", action="store_true", help="warnings count as failures")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine, print, and end with the code."""
        found = _of_file(options["file"]) if options["file"] else _stored(options)
        if options["json"]:
            self.stdout.write(json.dumps([_document(place, one) for place, one in found], indent=2))
        else:
            for place, one in found:
                self._print(f"{place}{one.name}", one)
        bad = [one for _, one in found if not one.is_sound or (options["strict"] and one.warnings)]
        if bad:
            sys.exit(1)

    def _print(self, name: str, one: Examined) -> None:
        passed = sum(outcome.passed for outcome in one.tests)
        mark = "ok    " if one.is_sound else "WRONG "
        self.stdout.write(f"{mark} {name}: {passed} of {len(one.tests)} tests pass")
        if one.fault:
            place = ", ".join(
                f"{key} {one.fault[key]}"
                for key in ("rule", "field", "line", "column")
                if one.fault.get(key)
            )
            self.stdout.write(f"       {place}: {one.fault['message']}")
            for line in str(one.fault.get("caret") or "").splitlines():
                self.stdout.write(f"       | {line}")
        for outcome in one.tests:
            if not outcome.passed:
                self.stdout.write(f"       test {outcome.case!r}: {outcome.detail}")
        for warning in one.warnings:
            self.stdout.write(f"note   {name}, {warning.rule!r}: {warning.detail}")


def read_file(path: Path) -> Document:
    """A policy's file; raises CommandError for one that is not there or holds something else."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CommandError(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
        return read_document(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, CasesError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def _of_file(path: Path) -> list[tuple[str, Examined]]:
    read = read_file(path)
    return [("", examine(read.name or path.name, read.rules, read.cases))]


def _stored(options: dict[str, Any]) -> list[tuple[str, Examined]]:
    rows = Policy.objects.select_related("environment__tenant").order_by(
        "environment", "position", "created_at"
    )
    columns = {"tenant": "environment__tenant__slug", "environment": "environment__slug"}
    for option, column in columns.items():
        if options[option]:
            rows = rows.filter(**{column: options[option]})
    found = []
    for place, group in groupby(rows, lambda row: row.environment):
        for one in examine_stored(group):
            if options["policy"] in ("", one.name):
                found.append((f"{place.tenant.slug}/{place.slug}/", one))
    if options["policy"] and not found:
        raise CommandError(f"There is no policy {options['policy']!r}: see `--tenant`.")
    return found


def _document(place: str, one: Examined) -> dict[str, Any]:
    return {"policy": f"{place}{one.name}", "ok": one.is_sound, **asdict(one)}
