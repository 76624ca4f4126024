"""An event as a curl command that sends its exact bytes again. Pure."""

import base64
import re
import shlex
from collections.abc import Iterable, Sequence

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
PLAIN = re.compile(rb"[\n\x20-\x7e]*")
MAX_PLAIN_BYTES = 4096
LINE = 76
# What belongs to the connection, or was added by a proxy, is curl's and the proxy's business.
HOP = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "forwarded", "host",
        "keep-alive", "te", "traceparent", "transfer-encoding", "upgrade", "via",
    }
)  # fmt: skip
FORWARDED = "x-forwarded-"
MASK = "NOT-KEPT"


def command(
    url: str, headers: Iterable[tuple[str, str]], body: bytes, *, masked: Sequence[str] = ()
) -> str:
    """The command; `masked` are headers that were never stored and have to be filled in."""
    kept = [(name, value) for name, value in headers if _is_sent(name, value)]
    kept += [(name, MASK) for name in masked]
    if not any(name.lower() == "content-type" for name, _ in kept):
        kept.append(("content-type", ""))
    options = [_option(name, value) for name, value in kept]
    send = " \\\n  ".join([f"curl -sS {shlex.quote(url)}", *options, "--data-binary @-"])
    if len(body) <= MAX_PLAIN_BYTES and PLAIN.fullmatch(body):
        return f"printf '%s' {shlex.quote(body.decode('ascii'))} | {send}"
    # Base64 carries every byte, and shows none that a terminal would act upon.
    text = base64.b64encode(body).decode("ascii")
    lines = "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
    return f"base64 -d <<'BODY' | {send}\n{lines}\nBODY"


def _is_sent(name: str, value: str) -> bool:
    """Not what belongs to one hop, nor what a terminal or a reader's eye could stumble over."""
    low = name.lower()
    is_plain = bool(NAME.match(name)) and value.isascii() and value.isprintable()
    return is_plain and low not in HOP and not low.startswith(FORWARDED)


def _option(name: str, value: str) -> str:
    # With nothing after the colon curl sends no such header at all.
    empty = ":" if name.lower() == "content-type" else ";"
    return f"-H {shlex.quote(f'{name}: {value}' if value else name + empty)}"
