"""The badge: what is known of a log's soundness, in the words of the last `audit_verify`.

It repeats what somebody found with this database and this folder. Whoever does not trust them
verifies an export elsewhere (docs/audit.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from audit import roles, tree
from audit.models import Verification
from audit.verification import LogReport

# A daily verification keeps the badge green.
FRESH_FOR = timedelta(hours=26)
MAX_TEXT = 500


@dataclass(frozen=True)
class Badge:
    """Whether a log is verified: `tone` is ok, warn or bad; `leaf_index` is where it breaks."""

    tone: str
    title: str
    text: str
    leaf_index: int | None = None
    at: datetime | None = None
    is_asked: bool = False
    progress: str = ""


def remember(reports: Iterable[LogReport]) -> None:
    """Keep what a verification of the database found, for the badge."""
    database, *logs = reports
    for report in logs:
        # What is wrong with triggers or rights is wrong for every log.
        wrong = [*report.findings, *database.findings]
        first = wrong[0] if wrong else None
        Verification.objects.update_or_create(
            log=report.log,
            defaults={
                "verified_at": timezone.now(),
                "leaves": report.leaves,
                "root": report.root,
                "found": report.found + database.found,
                "leaf_index": first.leaf_index if first else None,
                "record": (first.record or "") if first else "",
                "text": first.text[:MAX_TEXT] if first else "",
                "trouble": "",
            },
        )


def weaker_promise() -> str:
    """Why this database detects changes and does not prevent them; empty where it does both."""
    if connection.vendor != "postgresql":
        return gettext(
            "On SQLite, whoever can write the database's file can also take away what protects "
            "the log: such a change is detected, not prevented."
        )
    if roles.is_too_strong(connection):
        return gettext(
            "The database role of this process can take away what protects the log: such a change "
            "is detected, not prevented, until the roles are apart (docs/database-roles.md)."
        )
    return ""


def badge_of(log: str) -> Badge:
    """What is known of this log now, and how far the look is that somebody asked for."""
    last = Verification.objects.filter(log=log).first()
    size = tree.size(log)
    known = _known(last, size)
    if last is None:
        return known
    if last.asked_at is not None:
        return replace(known, is_asked=True, progress=f"{last.read:,} of {size:,} records read")
    return replace(known, progress=last.trouble)


def _known(last: Verification | None, size: int) -> Badge:
    if last is None or last.verified_at is None:
        return Badge(
            "warn", gettext("Not verified yet"), gettext("{size:,} records.").format(size=size)
        )
    at = last.verified_at
    if last.found:
        where = "" if last.leaf_index is None else f" at #{last.leaf_index + 1:,}"
        return Badge(
            "bad", gettext("Break{where}").format(where=where), last.text, last.leaf_index, at
        )
    newer = max(0, size - last.leaves)
    since = (
        gettext("{newer:,} records are newer.").format(newer=newer)
        if newer != 1
        else gettext("1 record is newer.")
    )
    if timezone.now() - at > FRESH_FOR:
        return Badge(
            "warn",
            gettext("Verified to #{leaves:,}, and not since").format(leaves=last.leaves),
            since,
            at=at,
        )
    return Badge(
        "ok",
        gettext("Verified to #{leaves:,}").format(leaves=last.leaves),
        gettext("0 breaks. {since}").format(since=since),
        at=at,
    )
