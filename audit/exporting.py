"""Exports that can be verified without us: a folder that `client/countersign_verify.py` reads.

Its format is described there. A range of one log, ended by a signed checkpoint: whatever stands
between the last record that was asked for and that checkpoint is there by its hash only, and so is
every record that `holds_back` names, so that an export never needs more than it should show.
"""

import io
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from audit import published, tree
from audit.models import AuditRecord, Checkpoint, Leaf
from audit.reading import CHUNK, in_order

FORMAT = 1
# It is made in memory.
MOST_PACKED = 50_000
MANIFEST, RECORDS, CHECKPOINTS = "manifest.json", "records.jsonl", "checkpoints.txt"


class CannotExport(Exception):
    """There is nothing to export, or nowhere to put it; the message says what to do."""


@dataclass(frozen=True)
class Span:
    """Which leaves: from `first` up to, not with, `end`, the size of a checkpoint.

    Records stand up to, not with, `shown`; what follows are hashes.
    """

    log: str
    first: int
    shown: int
    end: int


def span_of_time(log: str, since: datetime | None, until: datetime | None) -> Span:
    """The leaves of the records from one time up to, not with, another; raises CannotExport."""
    rows = Leaf.objects.filter(log=log)
    if since is not None:
        rows = rows.filter(record__occurred_at__gte=since)
    if until is not None:
        rows = rows.filter(record__occurred_at__lt=until)
    found = rows.aggregate(first=Min("leaf_index"), last=Max("leaf_index"))
    if found["first"] is None:
        known = ", ".join(sorted(tree.logs())) or "none"
        raise CannotExport(f"log {log} has no such records; logs are: {known}")
    return span_of_leaves(log, found["first"], found["last"] + 1)


def span_of_leaves(log: str, first: int, shown: int) -> Span:
    """The leaves from one up to, not with, another, and on to a checkpoint; raises CannotExport."""
    signed = Checkpoint.objects.filter(log=log).order_by("size")
    covering = signed.filter(size__gte=shown).first() or signed.last()
    if covering is None or covering.size <= first:
        raise CannotExport("no checkpoint covers these records yet: the scheduler signs the next")
    return Span(log, first, min(shown, covering.size), covering.size)


def lines(
    span: Span, *, holds_back: Callable[[AuditRecord], bool] = lambda record: False
) -> Iterator[bytes]:
    """One line for each leaf. A record's line ends with its own bytes, as they were hashed."""
    after = span.first - 1
    while after + 1 < span.end:
        rows = Leaf.objects.filter(log=span.log, leaf_index__gt=after, leaf_index__lt=span.end)
        chunk = list(rows.select_related("record").order_by("leaf_index")[:CHUNK])
        if not chunk:
            raise tree.Broken(f"log {span.log}: leaf {after + 1} is missing; run audit_verify")
        for leaf in chunk:
            is_shown = leaf.leaf_index < span.shown and not holds_back(leaf.record)
            yield line(leaf, leaf.record.body if is_shown else None)
        after = chunk[-1].leaf_index


def line(leaf: Leaf, body: str | None) -> bytes:
    """A leaf as it stands in an export, with its record or as a hash only."""
    record = "" if body is None else f',"record":{body}'
    return (f'{{"leaf_index":{leaf.leaf_index},"leaf_hash":"{leaf.leaf_hash}"{record}}}\n').encode()


async def texts(rows: QuerySet[AuditRecord]) -> AsyncIterator[str]:
    """The RFC 8785 texts of these records, the oldest first, one a line."""
    last: UUID | None = None
    while chunk := await sync_to_async(_texts)(rows, last):
        for row in chunk:
            yield f"{row.body}\n"
        last = chunk[-1].pk


def _texts(rows: QuerySet[AuditRecord], after: UUID | None) -> list[AuditRecord]:
    rest = rows if after is None else rows.filter(pk__gt=after)
    return list(rest.only("id", "body").order_by("id")[:CHUNK])


def manifest(span: Span) -> dict[str, Any]:
    """What a verifier needs besides the lines: where they begin, and what stands to their left."""
    left = tree.frontier(span.log, span.first).hashes
    return {
        "countersign_export": FORMAT,
        "log": span.log,
        "first": span.first,
        "end": span.end,
        "left": [value.hex() for value in left],
        "made_at": timezone.now().isoformat(timespec="seconds"),
    }


def checkpoints(span: Span) -> Iterator[str]:
    """The signed heads from the first to the last leaf, each with an empty line behind it."""
    rows = Checkpoint.objects.filter(log=span.log, size__gte=span.first, size__lte=span.end)
    for row in in_order(rows.only("size", "note"), "size"):
        yield f"{row.note}\n"


def packed(
    span: Span, *, holds_back: Callable[[AuditRecord], bool] = lambda record: False
) -> bytes:
    """The same folder as a ZIP file, for a download; raises CannotExport where it is too long."""
    if span.end - span.first > MOST_PACKED:
        raise CannotExport(
            f"{span.end - span.first:,} leaves are too many for a download of at most "
            f"{MOST_PACKED:,}: narrow it, or run manage.py audit_export"
        )
    name = f"countersign-{span.log}-{span.first}-{span.shown}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        parts: dict[str, bytes | str] = {
            RECORDS: b"".join(lines(span, holds_back=holds_back)),
            CHECKPOINTS: "".join(checkpoints(span)),
            MANIFEST: json.dumps(manifest(span), indent=2) + "\n",
            **published.documents(),
        }
        for part, text in parts.items():
            made.writestr(f"{name}/{part}", text)
    return file.getvalue()


def write(span: Span, folder: Path) -> int:
    """Make the folder with the whole export, or nothing of it; how many leaves.

    Raises CannotExport where the folder exists already.
    """
    if folder.exists():
        raise CannotExport(f"{folder} exists already: name a folder that does not")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as temporary:
        made = Path(temporary) / "export"
        made.mkdir(mode=0o700)
        count = 0
        with (made / RECORDS).open("wb") as file:
            for each in lines(span):
                file.write(each)
                count += 1
        (made / CHECKPOINTS).write_text("".join(checkpoints(span)), encoding="utf-8")
        (made / MANIFEST).write_text(json.dumps(manifest(span), indent=2) + "\n", encoding="utf-8")
        for name, text in published.documents().items():
            (made / name).write_text(text, encoding="utf-8")
        os.rename(made, folder)
    return count
