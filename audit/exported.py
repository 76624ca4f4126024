"""Verifying an export with the server's own code; `client/countersign_verify.py` shares none of it.

Two verifiers that agree are worth more than one, and a test holds them against each other.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit import checkpoints, exporting, published
from audit.checkpoints import BadNote, Head
from audit.merkle import Frontier, leaf_hash
from audit.verification import CannotVerify, LogReport

LINE = re.compile(
    rb'\{"leaf_index":(0|[1-9][0-9]{0,18}),"leaf_hash":"([0-9a-f]{64})"(?:,"record":(\{.*\}))?\}\n'
)
ID = re.compile(rb'"id":"([0-9a-f-]{36})"')


def verify(folder: Path, *, public_keys: list[str], external: list[Head]) -> LogReport:
    """Check every line and every checkpoint; raises CannotVerify where this is no export."""
    try:
        manifest = json.loads((folder / exporting.MANIFEST).read_bytes())
        log, end = str(manifest["log"]), int(manifest["end"])
        left = [bytes.fromhex(value) for value in manifest["left"]]
        frontier = Frontier(int(manifest["first"]), left)
        notes = list(published.notes(folder / exporting.CHECKPOINTS))
        with (folder / exporting.RECORDS).open("rb") as lines:
            check = _Check(LogReport(log), frontier, heads=[])
            check.heads = sorted(
                [*check.genuine(notes, public_keys), *_of(external, log, frontier.size, end)],
                key=lambda head: head.size,
            )
            check.lines(lines, end)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotVerify(f"{folder} is no export: {error!r}") from error
    return check.report


def _of(heads: list[Head], log: str, first: int, end: int) -> Iterator[Head]:
    return (head for head in heads if head.log == log and first <= head.size <= end)


class _Check:
    """One export, read from its first line to its last."""

    def __init__(self, report: LogReport, frontier: Frontier, *, heads: list[Head]) -> None:
        self.report = report
        self.frontier = frontier
        self.heads = heads
        self.proven = frontier.size
        self.is_whole = True

    def genuine(self, notes: list[str], public_keys: list[str]) -> Iterator[Head]:
        """The checkpoints that a trusted key signed; the others are findings."""
        for number, note in enumerate(notes, start=1):
            try:
                head = checkpoints.verify(note, public_keys)
                if head.log != self.report.log:
                    raise BadNote(f"it belongs to log {head.log}")
            except BadNote as error:
                self.report.add("signature", f"checkpoint {number} of the file: {error}")
                continue
            self.report.checkpoints += 1
            yield head

    def lines(self, lines: Any, end: int) -> None:
        """Check every line, and the tree wherever a checkpoint says what it was."""
        covered = max((head.size for head in self.heads), default=0)
        self._compare()
        for number, text in enumerate(lines, start=1):
            self._line(number, text)
            self._compare()
            self.report.leaves += 1
        if self.is_whole and (self.frontier.size != end or covered < end):
            text = f"{self.frontier.size} leaves, {covered} of them signed; {end} were exported"
            self.report.add("truncated", text, leaf_index=self.frontier.size)
        self.report.root = self.frontier.root().hex()

    def _line(self, number: int, text: bytes) -> None:
        found = LINE.fullmatch(text)
        if found is None or int(found[1]) != self.frontier.size:
            said = f"line {number} is not leaf {self.frontier.size} in the form of an export"
            self.report.add("sequence", said, leaf_index=self.frontier.size)
            self.is_whole = False
            stated, body = bytes(32), None
        else:
            stated, body = bytes.fromhex(found[2].decode()), found[3]
        if body is not None and leaf_hash(body) != stated:
            name = ID.search(body)
            self.report.add(
                "record", f"line {number}: the record does not belong to the hash beside it",
                record=name[1].decode() if name else None, leaf_index=self.frontier.size,
            )  # fmt: skip
        self.frontier.append(stated)

    def _compare(self) -> None:
        while self.heads and self.heads[0].size <= self.frontier.size:
            head = self.heads.pop(0)
            if self.is_whole and head.root != self.frontier.root():
                self.is_whole = False
                text = f"a line between leaf {self.proven} and leaf {head.size - 1} is another one"
                self.report.add("root", text, leaf_index=self.proven, field="root")
            self.proven = head.size
