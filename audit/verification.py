"""Verifying the whole log against itself, its checkpoints, and what was published of it.

Everything is read once, in order and in chunks, so memory does not grow with the log. What is
found names the record and the place; where only a checkpoint disagrees, the leaves since the last
one that agreed.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from audit import checkpoints, evidence, published, roles, tree, triggers
from audit.actions import AuditAction
from audit.canonical import NotCanonical, canonical
from audit.checkpoints import BadNote, Head
from audit.evidence import Evidence
from audit.merkle import HASH_BYTES, Frontier, leaf_hash
from audit.models import AuditRecord, Checkpoint, Leaf
from audit.reading import in_order
from audit.services import SYSTEM_LOG

CHUNK = 500
# A record that is older than this has its place, unless nobody gives places.
PLACE_WITHIN_S = 60
# One change can disagree with everything that comes after it.
SHOWN = 20
# Column, and where the body has what it repeats.
COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
    ("log", lambda body: body["log"]),
    ("tenant", lambda body: body["tenant"]),
    ("environment", lambda body: body["environment"]),
    ("action", lambda body: body["event"]),
    ("outcome", lambda body: body["outcome"]),
    ("reason", lambda body: body["reason"][:200]),
    ("actor_kind", lambda body: body["actor"]["kind"]),
    ("actor_id", lambda body: body["actor"]["id"]),
    ("target_kind", lambda body: body["target"]["kind"]),
    ("target_id", lambda body: body["target"]["id"]),
    ("correlation_id", lambda body: body["correlation_id"]),
)
# Plain rows: a million of them as instances of models would cost half as much again.
RECORD = (
    "pk", "body", "body_sha256", "body_json", "occurred_at", *(name for name, _ in COLUMNS),
)  # fmt: skip
LEAF = ("record_id", "log", "leaf_index", "leaf_hash", "completed")
Row = dict[str, Any]
# Made once, because making one for each record costs as much as using it.
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
Progress = Callable[[str, int], None]


class CannotVerify(Exception):
    """Nothing can be said: what is needed is not here. The message says what that is."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be."""

    log: str
    check: str
    text: str
    record: str | None = None
    leaf_index: int | None = None
    field: str | None = None


@dataclass
class LogReport:
    """What was read of one log, and what is wrong with it."""

    log: str
    leaves: int = 0
    checkpoints: int = 0
    published: int = 0
    root: str = ""
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, check: str, text: str, **place: Any) -> None:
        """Count a finding, and keep the first ones."""
        self.found += 1
        if len(self.findings) < SHOWN:
            self.findings.append(Finding(self.log, check, text, **place))


def verify(
    *,
    public_keys: list[str],
    only: str = "",
    external: Iterable[Head] = (),
    progress: Progress = lambda log, leaves: None,
) -> list[LogReport]:
    """Check every log, or one; the first report is about the database itself.

    `external` are checkpoints that somebody kept elsewhere. Raises CannotVerify where there is no
    key to check signatures with, or no such log.
    """
    kept = list(external)
    known = tree.logs() | set(published.logs()) | {head.log for head in kept}
    if only and only not in known and not AuditRecord.objects.filter(log=only).exists():
        raise CannotVerify(f"there is no log {only!r}; known are: {', '.join(sorted(known))}")
    if not public_keys and Checkpoint.objects.exists():
        raise CannotVerify(
            f"no public key: {published.folder() / published.KEYS} is not there; "
            f"name the key with --public-key"
        )
    reports = [_database(only)]
    sealed = evidence.begin()
    for log in [only] if only else sorted(known):
        heads = sorted((head for head in kept if head.log == log), key=lambda head: head.size)
        reports.append(_LogCheck(log, public_keys, heads, sealed).run(progress))
    for kind in () if only else sealed.values():
        for text in kind.rest():
            reports[0].add("sealed", text)
    return reports


def _database(only: str) -> LogReport:
    """Triggers, owner and rights, and records without a place."""
    report = LogReport("")
    for name in sorted(triggers.expected(connection) - triggers.installed(connection)):
        report.add(
            "triggers", f"trigger {name} is missing or changed: manage.py migrate restores it"
        )
    found = roles.examine(connection)
    for text in found.wrong:
        report.add("roles", text)
    report.notes += found.notes
    now, span = timezone.now(), timedelta(seconds=PLACE_WITHIN_S)
    young = Q(occurred_at__gt=now - span, occurred_at__lt=now + span)
    rows = AuditRecord.objects.filter(leaf=None).exclude(young)
    if only:
        rows = rows.filter(log=only)
    report.found += max(0, (waiting := rows.count()) - SHOWN)
    for pk, log in rows.order_by("pk").values_list("pk", "log")[:SHOWN]:
        text = f"the record in log {log} has no place in the tree: does the scheduler run?"
        report.add("place", text, record=str(pk))
    if waiting > SHOWN:
        report.notes.append(f"{waiting} records have no place")
    return report


class _Heads:
    """Checkpoints in the order of their sizes, looked at one at a time."""

    def __init__(self, heads: Iterator[tuple[str, Head]]) -> None:
        self._heads = heads
        self.next = next(heads, None)

    def up_to(self, size: int) -> Iterator[tuple[str, Head]]:
        """Those whose size is reached."""
        while self.next is not None and self.next[1].size <= size:
            yield self.next
            self.next = next(self._heads, None)


class _LogCheck:
    """One log, read from its first leaf to its last."""

    def __init__(
        self,
        log: str,
        public_keys: list[str],
        external: list[Head],
        sealed: dict[str, Evidence],
    ) -> None:
        self.report = LogReport(log)
        self.sealed = sealed
        self.log = log
        self.public_keys = public_keys
        self.frontier = Frontier()
        self.is_whole = True  # until the tree cannot be followed any further
        self.proven = 0  # the size up to which a checkpoint agrees
        self.suspect: str | None = None  # the first record that none covers yet
        self.sources = [
            _Heads(self._stored()),
            _Heads(self._published()),
            _Heads(self._anchored()),
            _Heads(("a checkpoint kept elsewhere", head) for head in external),
        ]

    def run(self, progress: Progress) -> LogReport:
        """Read everything; the report."""
        last = -1
        while chunk := self._chunk(after=last):
            self._leaves(chunk)
            last = chunk[-1]["leaf_index"]
            progress(self.log, self.frontier.size)
        self._end()
        self._count()
        self.report.leaves = self.frontier.size
        self.report.root = self.frontier.root().hex()
        return self.report

    def _chunk(self, *, after: int) -> list[Row]:
        rows = Leaf.objects.filter(log=self.log, leaf_index__gt=after)
        return list(rows.order_by("leaf_index").values(*LEAF)[:CHUNK])

    def _leaves(self, chunk: list[Row]) -> None:
        rows = AuditRecord.objects.filter(pk__in=[leaf["record_id"] for leaf in chunk])
        records = {row["pk"]: row for row in rows.values(*RECORD)}
        for leaf in chunk:
            self._leaf(leaf, records)
            self._compare()

    def _leaf(self, leaf: Row, records: dict[UUID, Row]) -> None:
        index = leaf["leaf_index"]
        place: dict[str, Any] = {"record": str(leaf["record_id"]), "leaf_index": index}
        if self.frontier.size == self.proven:
            self.suspect = place["record"]
        if index != (expected := self.frontier.size):
            text = f"here stands leaf {index}, and leaf {expected} should"
            self.report.add("sequence", text, **place)
            self.is_whole = False
            self.frontier.size = index
            self.frontier.hashes = [bytes(HASH_BYTES)] * index.bit_count()
        record = records.get(leaf["record_id"])
        if record is None:
            self.report.add("record", "the record of this leaf is gone", **place)
        else:
            self._record(record, leaf, place)
        completed = b"".join(self.frontier.append(_hash(leaf["leaf_hash"]))[1:]).hex()
        if self.is_whole and completed != leaf["completed"]:
            self.is_whole = False
            text = "the tree below this leaf is not the one that it was appended to"
            self.report.add("tree", text, field="completed", **place)

    def _record(self, record: Row, leaf: Row, place: dict[str, Any]) -> None:
        text = record["body"].encode()
        wrong = []
        if hashlib.sha256(text).hexdigest() != record["body_sha256"]:
            wrong.append("body_sha256")
        if leaf_hash(text).hex() != leaf["leaf_hash"]:
            wrong.append("body")
        if not _is_copy(record["body_json"], text):
            wrong.append("body_json")
        else:
            wrong += _differing(record)
        if record["log"] != leaf["log"] and "log" not in wrong:
            wrong.append("log")
        for name in wrong:
            said = "does not belong to the leaf's hash" if name == "body" else "is not as recorded"
            self.report.add("record", f"{name} {said}", field=name, **place)
        if not wrong and (kind := self.sealed.get(record["action"])):
            for said in kind.check(record["pk"], record["body_json"]["meta"]):
                self.report.add("sealed", said, **place)

    def _compare(self) -> None:
        for source in self.sources:
            for whose, head in source.up_to(self.frontier.size):
                if self.is_whole:
                    self._agree(whose, head)

    def _agree(self, whose: str, head: Head) -> None:
        size = self.frontier.size
        if head.size < size:
            self._agree_before(whose, head)
        elif head.root != self.frontier.root():
            self.is_whole = False
            text = (
                f"{whose} of {head.size} leaves has another root: a record between leaf "
                f"{self.proven} and leaf {head.size - 1} was changed, removed or inserted"
            )
            place = {"record": self.suspect, "leaf_index": self.proven}
            self.report.add("root", text, field="root", **place)
        else:
            self.proven = size

    def _agree_before(self, whose: str, head: Head) -> None:
        """One that stands out of order, as after a second start; its tree is read from rows."""
        try:
            is_same = head.size > 0 and tree.root(self.log, head.size) == head.root
        except tree.Broken:
            is_same = False
        if not is_same:
            text = f"{whose} of {head.size} leaves has another root"
            self.report.add("root", text, leaf_index=head.size, field="root")

    def _end(self) -> None:
        """Whatever was signed has its leaves, also if they came while we were reading."""
        for source in self.sources:
            while source.next is not None:
                late = self._chunk(after=self.frontier.size - 1) if self.is_whole else []
                if not late:
                    break
                self._leaves(late)
            if source.next is not None:
                # The last one says how much is missing; the others are counted on the way.
                whose, head = max(source.up_to(10**20), key=lambda found: found[1].size)
                text = (
                    f"{whose} covers {head.size} leaves, the log has {self.frontier.size}: its "
                    f"end was cut off, or an old state was restored"
                )
                self.report.add("truncated", text, leaf_index=self.frontier.size)
        if self.report.checkpoints and not self.report.published:
            self.report.notes.append(
                "nothing that was published is kept here, so a cut end would not be noticed"
            )

    def _count(self) -> None:
        """No leaf hides beside the sequence, at a place that another one has too."""
        size = self.frontier.size
        count = Leaf.objects.filter(log=self.log, leaf_index__lt=size).count()
        if count != size and self.is_whole:
            self.report.add("sequence", f"{count} rows stand for {size} leaves")

    def _stored(self) -> Iterator[tuple[str, Head]]:
        for row in in_order(Checkpoint.objects.filter(log=self.log), "size"):
            self.report.checkpoints += 1
            try:
                head = checkpoints.verify(row.note, self.public_keys)
            except BadNote as error:
                text = f"the checkpoint of {row.size} leaves: {error}"
                self.report.add("signature", text, leaf_index=row.size, field="note")
                continue
            if (head.log, head.size, head.root.hex()) != (row.log, row.size, row.root):
                text = f"the checkpoint of {row.size} leaves is not what its note says"
                self.report.add("checkpoint", text, leaf_index=row.size, field="note")
                continue
            yield "a stored checkpoint", head

    def _anchored(self) -> Iterator[tuple[str, Head]]:
        """The heads of this log that are leaves of the deployment's."""
        rows = AuditRecord.objects.filter(
            log=SYSTEM_LOG, action=AuditAction.CHECKPOINT_SIGNED, target_id=self.log
        )
        for row in in_order(rows.only("id", "body")):
            try:
                meta = json.loads(row.body)["meta"]
                head = Head(self.log, int(meta["size"]), bytes.fromhex(meta["root"]))
            except (ValueError, KeyError, TypeError):
                continue  # its own leaf says that it was changed
            yield f"the head in log {SYSTEM_LOG}", head

    def _published(self) -> Iterator[tuple[str, Head]]:
        try:
            for head in published.entries(self.log):
                if head is None or head.log != self.log:
                    self.report.notes.append("an entry of checkpoints.txt cannot be read")
                    continue
                self.report.published += 1
                yield "a published checkpoint", head
        except BadNote as error:
            self.report.notes.append(str(error))


def _is_copy(copy: Any, text: bytes) -> bool:
    # Nearly always the same bytes, at a quarter of the price; what they say is the copy either way.
    if ENCODER.encode(copy) == text.decode():
        return True
    try:
        return canonical(copy) == text
    except NotCanonical:
        return False


def _differing(record: Row) -> list[str]:
    """The columns that say something else than the body, which its copy equals."""
    body = record["body_json"]
    try:
        wrong = [name for name, of in COLUMNS if record[name] != of(body)]
        at = record["occurred_at"].isoformat(timespec="microseconds")
        wrong += ["occurred_at"] if at != body["occurred_at"] else []
        return wrong + (["id"] if str(record["pk"]) != body["id"] else [])
    except (KeyError, TypeError):
        return ["body"]


def _hash(text: str) -> bytes:
    """The stored hash; what is none counts as zeros, which no record has."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    return found if len(found) == HASH_BYTES else bytes(HASH_BYTES)
