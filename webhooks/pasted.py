"""A request that somebody pasted: headers and body, or a curl command, as the bytes it means. Pure.

Nothing of it is kept. Only what has one meaning is taken; all else is refused with what to do.
"""

import base64
import binascii
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from webhooks.schemes.base import HeaderPair

MAX_HEADERS = 200
REQUEST_LINE = re.compile(r"([A-Z]{3,10}) (\S+) HTTP/[0-9.]+$")
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
CURL = "curl"
DATA = {"-d", "--data", "--data-raw", "--data-binary", "--data-ascii"}
NO_VALUE = {"-s", "-S", "-sS", "-i", "-v", "-k", "-L", "--compressed", "--silent", "--insecure"}


class BadPaste(ValueError):
    """It is no request, or has two meanings; `field` says where, the message what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Pasted:
    """A request as the intake would have got it."""

    headers: tuple[HeaderPair, ...]
    body: bytes
    method: bytes = b"POST"
    query: bytes = b""


def parse(headers: str, body: str, *, is_base64: bool = False) -> Pasted:
    """What was pasted into the two fields; raises BadPaste.

    The first may hold header lines, a whole request with its body after an empty line, a JSON
    object of headers, or a curl command. A browser sends every line end of a text field as CR LF,
    so they are read as LF: bodies with other line ends are pasted in base64.
    """
    text, raw = _lf(headers).strip("\n"), _body(_lf(body), is_base64=is_base64)
    if text.startswith(f"{CURL} "):
        return _curl(text, raw)
    if text.startswith("{"):
        return Pasted(tuple(_from_json(text)), raw)
    head, separator, rest = text.partition("\n\n")
    if separator and rest:
        if raw:
            raise BadPaste("headers", "A body follows the headers, and there is one below too.")
        raw = _body(rest, is_base64=is_base64)
    lines = head.split("\n")
    found = REQUEST_LINE.match(lines[0].lstrip("> ").strip())
    pairs = tuple(_from_lines(lines[1:] if found else lines))
    if not found:
        return Pasted(pairs, raw)
    return Pasted(pairs, raw, found[1].encode(), _query(found[2]))


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _body(text: str, *, is_base64: bool) -> bytes:
    if not is_base64:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPaste("body", "This is no base64: take `base64 -w0 FILE`.") from error


def _query(target: str) -> bytes:
    try:
        return urlsplit(target).query.encode()
    except ValueError as error:
        raise BadPaste("headers", "The address in the first line cannot be read.") from error


def _from_lines(lines: list[str]) -> Iterator[HeaderPair]:
    if len(lines) > MAX_HEADERS:
        raise BadPaste("headers", f"At most {MAX_HEADERS} headers.")
    for line in lines:
        # `curl -v` puts a sign before each line that it sends.
        name, separator, value = line.removeprefix("> ").partition(":")
        if not line.strip("> "):
            continue
        if not separator:
            raise BadPaste("headers", f"{line[:60]!r} is no header: write `name: value`.")
        yield _pair(name, value)


def _pair(name: str, value: str) -> HeaderPair:
    if not NAME.match(name.strip()):
        raise BadPaste("headers", f"{name[:60]!r} is no name of a header.")
    if "\n" in value or "\r" in value:
        raise BadPaste("headers", f"The value of {name[:60]} holds a line end.")
    # One blank on either side belongs to the form of a header, not to its value.
    return name.strip().lower().encode(), value.strip(" \t").encode("utf-8", "surrogatepass")


def _from_json(text: str) -> Iterator[HeaderPair]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadPaste("headers", "It begins like JSON, but is none.") from error
    for name, given in value.items():
        for one in given if isinstance(given, list) else [given]:
            yield _pair(name, str(one))


def _curl(text: str, raw: bytes) -> Pasted:
    """A curl command in POSIX quotes; its data is the body unless one is given apart."""
    if "$'" in text:
        raise BadPaste("headers", "It has $'…' quotes: copy it in POSIX form, or paste the parts.")
    try:
        words = shlex.split(text.replace("\\\n", " "))[1:]
    except ValueError as error:
        raise BadPaste("headers", f"The quotes of this command do not close ({error}).") from error
    pairs, data, method, query = [], list[str](), b"POST", b""
    rest = iter(words)
    for word in rest:
        option, _, joined = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in NO_VALUE:
            continue
        if not option.startswith("-"):
            query = _query(word)
            continue
        value = joined or next(rest, "")
        if option in {"-H", "--header"}:
            name, _, given = value.partition(":")
            pairs.append(_pair(name, given))
        elif option in DATA:
            data.append(value)
        elif option in {"-X", "--request"}:
            method = value.upper().encode()
        elif option == "--url":
            query = _query(value)
    if any(value.startswith("@") for value in data) and not raw:
        raise BadPaste("body", "The command reads its body from elsewhere: paste that here.")
    return Pasted(tuple(pairs), raw or "&".join(data).encode(), method, query)
