#!/usr/bin/env python3
"""Verify an export of a Countersign audit log, without Countersign.

    python countersign_verify.py FOLDER --public-key KEYFILE

One file, Python 3.11 or newer, the standard library and `cryptography`. It shares no code with the
server. Ends with 0 if everything holds, 1 if something was changed, 2 if nobody can say.

An export is a folder:

    manifest.json      log, first leaf, one past the last one, hashes of the tree to the left
    records.jsonl      one leaf a line: {"leaf_index":5,"leaf_hash":"…","record":{…}}; where the
                       record was held back, its line ends after the hash
    checkpoints.txt    the signed heads of the tree (C2SP tlog-checkpoint, signed note)
    public-keys        keys that signed, hexadecimal, one a line: what comes with the evidence is
                       believed only where no key is given
    key-rotations.txt  announcements of new keys, each signed by the one before (where there are)

A leaf is SHA-256 over a zero byte and the record's bytes exactly as they stand in the line; a node
is SHA-256 over a one byte and its two children (RFC 6962).
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # pragma: no cover - said to whoever runs it
    sys.exit("cannot verify: python -m pip install cryptography")

FORMAT = 1
ORIGIN = "countersign/"
ROTATION = "countersign/key-rotation"
LINE = re.compile(
    rb'\{"leaf_index":(0|[1-9][0-9]{0,18}),"leaf_hash":"([0-9a-f]{64})"(?:,"record":(\{.*\}))?\}'
)
SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
SHOWN = 20
ED25519 = b"\x01"
KEY_BYTES = 32


class CannotSay(Exception):
    """What is needed is not here, or is no export."""


@dataclass
class Finding:
    """One thing that is not as it was signed."""

    where: str
    text: str
    line: int | None = None
    leaf_index: int | None = None
    record: str | None = None


@dataclass
class Report:
    """What was read, and what is wrong with it."""

    log: str = ""
    leaves: int = 0
    records: int = 0
    checkpoints: int = 0
    root: str = ""
    keys: list[str] = field(default_factory=list)
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, where: str, text: str, **place: Any) -> None:
        """Count a finding and keep the first ones."""
        self.found += 1
        if len(self.findings) < SHOWN:
            self.findings.append(Finding(where, text, **place))


@dataclass(frozen=True)
class Head:
    """What a checkpoint says."""

    size: int
    root: bytes


@dataclass
class Tree:
    """The perfect subtrees of a growing tree, the largest first."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """One more leaf."""
        size = self.size
        while size & 1:
            leaf = _node(self.hashes.pop(), leaf)
            size >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the whole."""
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = _node(left, found)
        return found

    def copy(self) -> "Tree":
        """As it is now."""
        return Tree(self.size, list(self.hashes))


@dataclass
class Leaf:
    """A line since the last checkpoint that agreed: the hash it states, and its record's own."""

    line: int
    stated: bytes
    own: bytes


class Checker:
    """Reads the lines once, in order, and compares the tree with each checkpoint on its way."""

    def __init__(self, report: Report, tree: Tree, heads: list[Head]) -> None:
        self.report = report
        self.tree = tree
        self.heads = heads
        self.good = tree.copy()
        self.since: list[Leaf] = []
        self.is_whole = True
        self.compared = 0

    def read(self, lines: Iterable[bytes]) -> None:
        """Check every line."""
        self._compare(0)
        number = 0
        for number, line in enumerate(lines, start=1):
            self._line(number, line)
            self._compare(number)
        if self.compared < len(self.heads) and self.is_whole:
            self.report.add(
                "records.jsonl",
                f"ends after {self.tree.size} leaves, and a signed checkpoint covers "
                f"{self.heads[-1].size}: lines were cut off the end",
                line=number + 1,
            )

    def _line(self, number: int, line: bytes) -> None:
        found = LINE.fullmatch(line.removesuffix(b"\n")) if line.endswith(b"\n") else None
        if found is None:
            self._lost(number, "is not in the form of an export: it was altered")
            self.tree.size += 1
            return
        index, stated, body = int(found[1]), bytes.fromhex(found[2].decode()), found[3]
        place = {"line": number, "leaf_index": index}
        if index != self.tree.size:
            self._lost(number, f"is leaf {index}, and leaf {self.tree.size} should stand here")
            self.tree.size = index
        own = stated
        if body is not None:
            self.report.records += 1
            own = hashlib.sha256(b"\x00" + body).digest()
            if own != stated:
                text = "the record is not the one that was recorded, or the hash beside it changed"
                self.report.add("records.jsonl", text, record=_id(body), **place)
        self.report.leaves += 1
        if self.is_whole:
            self.since.append(Leaf(number, stated, own))
            self.tree.append(stated)
        else:
            self.tree.size += 1

    def _lost(self, number: int, text: str) -> None:
        """From here on the tree cannot be followed; the lines still are, one by one."""
        self.report.add("records.jsonl", text, line=number, leaf_index=self.tree.size)
        if self.is_whole:
            self.report.notes.append(f"behind line {number} no checkpoint could be compared")
        self.is_whole = False

    def _compare(self, number: int) -> None:
        while self.compared < len(self.heads) and self.is_whole:
            head = self.heads[self.compared]
            if head.size > self.tree.size:
                return
            self.compared += 1
            if head.size < self.tree.size:
                continue  # before the first line
            if self.tree.root() != head.root and not self._with_own_hashes(head):
                self._disagrees(head, number)
                return
            self.good, self.since = self.tree.copy(), []

    def _with_own_hashes(self, head: Head) -> bool:
        """Whether it was the stated hashes that were altered, and the records are as signed."""
        tree = self.good.copy()
        for leaf in self.since:
            tree.append(leaf.own)
        if tree.root() != head.root:
            return False
        self.tree = tree
        return True

    def _disagrees(self, head: Head, number: int) -> None:
        first = self.since[0].line if self.since else number
        text = (
            f"the signed checkpoint of {head.size} leaves has another root: of lines {first} to "
            f"{number} at least one was replaced together with its hash, removed or inserted"
        )
        if not self.since and self.compared > 1:
            text = f"two signed checkpoints of {head.size} leaves have different roots"
        self.report.add("records.jsonl", text, line=first, leaf_index=self.good.size)
        self.is_whole = False


def verify(folder: Path, *, keys: list[str], kept: list[Path]) -> Report:
    """Verify one export; raises CannotSay where that is not possible."""
    manifest = _manifest(folder)
    log, first, end = manifest["log"], manifest["first"], manifest["end"]
    report = Report(log=log)
    own = _lines(folder / "public-keys")
    if not keys:
        keys = own[:1]
        report.notes.append(
            f"no --public-key was given: believed the one in the export, {keys[0] if keys else '-'}"
        )
    report.keys = _followed(folder / "key-rotations.txt", keys, report)
    if not report.keys:
        raise CannotSay("no public key: name one with --public-key")
    tree = Tree(first, [bytes.fromhex(text) for text in manifest["left"]])
    heads = _heads(folder / "checkpoints.txt", log, report, span=(first, end))
    if not any(head.size == end for head in heads) and not report.found:
        report.add("checkpoints.txt", f"holds no genuine checkpoint of {end} leaves, the last ones")
    for path in kept:
        heads += _kept(path, log, report, span=(first, end))
    report.checkpoints = len(heads)
    checker = Checker(report, tree, sorted(heads, key=lambda head: head.size))
    with (folder / "records.jsonl").open("rb") as lines:
        checker.read(lines)
    if checker.is_whole and checker.tree.size != end:
        report.add("records.jsonl", f"ends at leaf {checker.tree.size}, the manifest says {end}")
    report.root = checker.tree.root().hex() if checker.is_whole else ""
    return report


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "manifest.json").read_bytes())
        if found["countersign_export"] != FORMAT:
            raise CannotSay(f"this verifier knows format {FORMAT} of exports only")
        first, end = int(found["first"]), int(found["end"])
        wanted = [str(text) for text in found["left"]]
        if len(wanted) != first.bit_count() or not all(map(HEX.fullmatch, wanted)) or end < first:
            raise CannotSay(f"{folder / 'manifest.json'} does not describe an export")
        return {"log": str(found["log"]), "first": first, "end": end, "left": wanted}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotSay(f"{folder} is no export: {error!r}") from error


def _heads(path: Path, log: str, report: Report, *, span: tuple[int, int]) -> list[Head]:
    """The genuine checkpoints in a file that this export can be compared with."""
    found = []
    for number, note in enumerate(_notes(path), start=1):
        parsed = _parsed(note)
        if parsed is None or not _is_signed(note, f"{ORIGIN}{parsed[0]}", report.keys):
            report.add(path.name, f"entry {number} is not signed by a key that is trusted here")
        elif parsed[0] != log:
            report.add(path.name, f"entry {number} belongs to log {parsed[0]}, not to {log}")
        elif span[0] <= parsed[1].size <= span[1]:
            found.append(parsed[1])
    return found


def _kept(path: Path, log: str, report: Report, *, span: tuple[int, int]) -> list[Head]:
    """Checkpoints that somebody kept; those of other logs or times are left aside."""
    found, aside = [], 0
    for note in _notes(path):
        parsed = _parsed(note)
        if parsed is None:
            raise CannotSay(f"{path} holds something that is no checkpoint")
        if not _is_signed(note, f"{ORIGIN}{parsed[0]}", report.keys):
            report.add(path.name, "a checkpoint is not signed by a key that is trusted here")
        elif parsed[0] == log and span[0] <= parsed[1].size <= span[1]:
            found.append(parsed[1])
        else:
            aside += 1
    if aside:
        report.notes.append(f"{aside} checkpoints of {path.name} lie outside this export")
    return found


def _notes(path: Path) -> Iterator[str]:
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise CannotSay(f"{path} cannot be read: {error}") from error
    entry: list[str] = []
    for line in text.split("\n"):
        if line == "" and entry and entry[-1].startswith("— "):
            yield "\n".join(entry) + "\n"
            entry = []
        else:
            entry.append(line)
    if any(entry):
        yield "\n".join(entry)


def _parsed(note: str) -> tuple[str, Head] | None:
    lines = note.partition("\n\n")[0].split("\n")
    if len(lines) != 3 or not lines[0].startswith(ORIGIN) or not SIZE.fullmatch(lines[1]):
        return None
    root = _decoded(lines[2])
    if len(root) != 32 or not lines[0].removeprefix(ORIGIN):
        return None
    return lines[0].removeprefix(ORIGIN), Head(int(lines[1]), root)


def _is_signed(note: str, name: str, keys: list[str]) -> bool:
    """Whether one of these keys, under this name, signed the text of the note."""
    text, parted, below = note.rpartition("\n\n")
    if not parted:
        return False
    for line in below.split("\n"):
        value = _decoded(line.removeprefix(f"— {name} ")) if line.startswith(f"— {name} ") else b""
        for key in keys:
            public = bytes.fromhex(key)
            key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
            if value[:4] == key_id and _verifies(public, value[4:], f"{text}\n".encode()):
                return True
    return False


def _verifies(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _followed(path: Path, keys: list[str], report: Report) -> list[str]:
    """The trusted keys and those they announced, one after the other."""
    trusted = [key.lower() for key in keys]
    if not all(map(HEX.fullmatch, trusted)):
        raise CannotSay("a public key is 64 hexadecimal digits")
    for note in _notes(path) if path.exists() else ():
        lines = note.partition("\n\n")[0].split("\n")
        if len(lines) < 4 or lines[0] != ROTATION or not HEX.fullmatch(lines[2]):
            report.add(path.name, "an entry is no announcement of a key")
            continue
        old, new = lines[1], lines[2]
        if new in trusted:
            continue
        if old in trusted and all(_is_signed(note, ROTATION, [key]) for key in (old, new)):
            trusted.append(new)
        else:
            report.notes.append(f"key {new} is announced by no key that is trusted here")
    return trusted


def _decoded(text: str) -> bytes:
    """Base64 in its one form, or nothing."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return value if base64.b64encode(value).decode() == text else b""


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _id(body: bytes) -> str | None:
    found = re.search(rb'"id":"([0-9a-f-]{36})"', body)
    return found[1].decode() if found else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _key(text: str) -> list[str]:
    """A key as it stands, or those in a file."""
    if key := _one_key(text):
        return [key]
    try:
        words = Path(text).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSay(f"{text} is neither a key nor a file of keys: {error}") from error
    keys = [key for word in words if (key := _one_key(word))]
    if not keys or len(keys) < len(words):
        raise CannotSay(f"{text} holds something that is no key")
    return keys


def _one_key(text: str) -> str | None:
    """A key in hexadecimal, or as tools for signed notes write it: `name+key id+base64`."""
    if HEX.fullmatch(text.lower()):
        return text.lower()
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    value = _decoded(encoded)
    digest = hashlib.sha256(name.encode() + b"\n" + value).hexdigest()
    is_ours = len(value) == 1 + KEY_BYTES and value[:1] == ED25519 and digest[:8] == key_id
    return value[1:].hex() if is_ours else None


def _say(report: Report) -> None:
    for finding in report.findings:
        place = finding.where
        place += f" line {finding.line}" if finding.line else ""
        place += f", leaf {finding.leaf_index}" if finding.leaf_index is not None else ""
        place += f", record {finding.record}" if finding.record else ""
        print(f"WRONG  {place}: {finding.text}")
    if report.found > len(report.findings):
        print(f"       and {report.found - len(report.findings)} more")
    for note in report.notes:
        print(f"note   {note}")
    print(
        f"{'WRONG ' if report.found else 'ok    '} {report.log}: {report.leaves} leaves, "
        f"{report.records} records, {report.checkpoints} signed checkpoints, root {report.root}"
    )


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description="Verify an export of a Countersign audit log.")
    parser.add_argument("folder", type=Path, help="the export")
    parser.add_argument(
        "--public-key", action="append", default=[], metavar="KEY", dest="keys",
        help="64 hexadecimal digits or a verifier key, or a file of such; from elsewhere than the "
        "export",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoints", action="append", default=[], type=Path, metavar="FILE", dest="kept",
        help="checkpoints that you, or a custodian, kept",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    try:
        keys = [key for text in options.keys for key in _key(text)]
        report = verify(options.folder, keys=keys, kept=options.kept)
    except (CannotSay, OSError) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"ok": not report.found, **asdict(report)}, indent=2))
    else:
        _say(report)
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
