"""`manage.py audit_verify`: ends with 0 if the log is sound, 1 if not, 2 if nobody can say."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError

from audit import badge, exported, published, rotation
from audit.checkpoints import Head
from audit.verification import CannotVerify, LogReport, verify

SAY_EVERY = 50_000


class Command(BaseCommand):
    """Reads everything and changes nothing but what the badge of the log says."""

    help = "Verify the audit log against its tree, its checkpoints and what was published."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which log, which keys, which form."""
        parser.add_argument("--log", default="", help="one log: a tenant's id, or system")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--public-key", action="append", default=[], metavar="HEX", dest="keys",
            help="trust this key instead of those in the data folder; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--checkpoints", type=Path, metavar="FILE", help="checkpoints kept elsewhere"
        )
        parser.add_argument(
            "--export", type=Path, metavar="FOLDER",
            help="verify what audit_export made instead of the database",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings, and end with their code."""
        try:
            reports = self._verify(options)
        except (CannotVerify, DatabaseError, OSError) as error:
            raise CommandError(f"cannot verify: {error}", returncode=2) from error
        if not options["export"]:
            badge.remember(reports)
        if options["json"]:
            self.stdout.write(json.dumps(_document(reports), indent=2))
        else:
            self._print(reports)
        if any(report.found for report in reports):
            sys.exit(1)

    def _verify(self, options: dict[str, Any]) -> list[LogReport]:
        keys, said = rotation.trusted(options["keys"])
        kept = _external(options["checkpoints"])
        if options["export"]:
            found = exported.verify(options["export"], public_keys=keys, external=kept)
            return [LogReport("", notes=said), found]
        reports = verify(
            public_keys=keys, only=options["log"], external=kept, progress=self._progress
        )
        reports[0].notes += said
        return reports

    def _progress(self, log: str, leaves: int) -> None:
        if leaves % SAY_EVERY == 0:
            self.stderr.write(f"{log}: {leaves} leaves read")

    def _print(self, reports: list[LogReport]) -> None:
        for report in reports:
            for finding in report.findings:
                place = [f"leaf {finding.leaf_index}"] if finding.leaf_index is not None else []
                place += [f"record {finding.record}"] if finding.record else []
                subject = " ".join([finding.log or "database", *place])
                self.stdout.write(f"WRONG  {subject}: {finding.text}")
            if report.found > len(report.findings):
                self.stdout.write(f"       and {report.found - len(report.findings)} more")
            for note in sorted(set(report.notes)):
                self.stdout.write(f"note   {report.log or 'database'}: {note}")
            if report.log:
                self.stdout.write(
                    f"{'WRONG ' if report.found else 'ok    '} {report.log}: {report.leaves} "
                    f"leaves, {report.checkpoints} checkpoints, {report.published} published, "
                    f"root {report.root}"
                )


def _document(reports: list[LogReport]) -> dict[str, Any]:
    return {
        "ok": not any(report.found for report in reports),
        "database": asdict(reports[0]),
        "logs": [asdict(report) for report in reports[1:]],
    }


def _external(path: Path | None) -> list[Head]:
    if path is None:
        return []
    heads = list(published.read(path))
    found = [head for head in heads if head is not None]
    if not found or len(found) < len(heads):
        raise CannotVerify(f"{path} holds something that is no checkpoint of ours")
    return found
