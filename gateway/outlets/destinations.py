"""The ends of outlets: a web address, a mail box, a folder. Each takes a batch whole, or raises.

A folder is an export that grows: `client/countersign_verify.py` reads it as it stands.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from audit import exporting, published
from audit.exporting import CHECKPOINTS, MANIFEST, RECORDS, Span
from gateway.http.client import Client
from gateway.http.door import door as usual
from gateway.http.messages import Request, RetryClass

TOKEN = "Bearer "  # noqa: S105 - a word, not a secret


class NotTaken(Exception):
    """The other side did not take it; the message is the reason, without secrets."""


@dataclass(frozen=True)
class Batch:
    """What is delivered at once: of which log, from where, and the position once it is taken."""

    log: str
    start: int
    end: int
    parts: Sequence[str]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.parts)


def post(address: str, batch: Batch, media: str, *, door: Client | None = None) -> None:
    """POST it; raises NotTaken unless the answer is 2xx, OutsideError where there is none."""
    headers = {
        "Content-Type": media,
        "Countersign-Log": batch.log,
        "Countersign-Start": str(batch.start),
        "Countersign-End": str(batch.end),
    }
    if settings.AUDIT_OUTLET_TOKEN:
        headers["Authorization"] = TOKEN + settings.AUDIT_OUTLET_TOKEN
    request = Request("POST", address, headers, batch.text.encode())
    with door or usual() as sender:
        # The next tick is the next try, so that nothing here holds a worker's thread.
        answer = sender.send(request, retry_class=RetryClass.IDEMPOTENT, attempts=1)
    if not answer.ok:
        raise NotTaken(f"answered {answer.status}")


def mail(address: str, batch: Batch) -> None:
    """Send it as a mail; raises OSError where no server takes it."""
    message = EmailMessage(
        subject=f"Countersign checkpoint {batch.log} {batch.end}",
        body=f"{batch.parts[-1]}\nKeep this mail: docs/audit.md says what it proves.\n",
        to=[address.removeprefix("mailto:")],
    )
    if message.send() != 1:
        raise NotTaken("no mail was sent: COUNTERSIGN_EMAIL_URL is not set")


def folder_of(address: str, log: str) -> Path:
    """The folder of one log below a `file:` address."""
    return Path(unquote(urlsplit(address).path)) / log


def append_checkpoints(address: str, batch: Batch) -> None:
    """Append them to the file of checkpoints; raises OSError."""
    folder = folder_of(address, batch.log)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / CHECKPOINTS).open("a", encoding="utf-8") as file:
        file.write(batch.text)
        file.flush()
        os.fsync(file.fileno())


def append_records(address: str, span: Span) -> int:
    """Append the lines of a span that a checkpoint ends; where the file stands then.

    The file itself says where it stands: what a crash cut is removed, and what arrived before the
    cursor could move is not written twice. Raises OSError.
    """
    folder = folder_of(address, span.log)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / RECORDS
    first = _mended(path)
    if first > span.end:
        raise NotTaken(f"the file holds {first} leaves, the log {span.end}: an old state of it?")
    if first < span.end:
        with path.open("ab") as file:
            for line in exporting.lines(Span(span.log, first, span.end, span.end)):
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
    whole = Span(span.log, 0, span.end, span.end)
    _replace(folder / CHECKPOINTS, "".join(exporting.checkpoints(whole)))
    for name, text in published.documents().items():
        _replace(folder / name, text)
    _replace(folder / MANIFEST, json.dumps(exporting.manifest(whole), indent=2) + "\n")
    return span.end


def _mended(path: Path) -> int:
    """The index behind the last whole line, after cutting a line that a crash left half-written."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        step, tail = 4096, b""
        while len(tail) < size and tail.count(b"\n") < 2:
            step = min(size, step * 4)
            file.seek(size - step)
            tail = file.read(step)
        whole, _, half = tail.rpartition(b"\n")
        if half:
            file.truncate(size - len(half))
    last = whole.rpartition(b"\n")[2]
    return int(json.loads(last)["leaf_index"]) + 1 if last else 0


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
