"""Guesses about a delivery whose signature does not fit: each changes one thing. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from webhooks.schemes.base import Algorithm, Encoding, HeaderPair, Part, Request, Scheme
from webhooks.schemes.bodies import read_json
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import BadSecret, key_of

# Beyond this a body is not written anew in every way: it takes long, and is hardly ever JSON.
MAX_JSON_BYTES = 256 * 1024
MAX_OTHER_HEADERS = 20
BOM = b"\xef\xbb\xbf"
PREFIXES = ("v1,whsec_", "whsec_", "whsk_", "sha256=", "v1,", "Bearer ")
SHARED = (Algorithm.HMAC_SHA256, Algorithm.HMAC_SHA1, Algorithm.HMAC_SHA512, Algorithm.SHA256)
PREFIX = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{0,15}[=, ]")
BLANKS = b" \t\r\n\"'"


class Guess(NamedTuple):
    """What would be changed, the advice if it fits, and the delivery so changed."""

    title: str
    advice: str
    scheme: Scheme
    request: Request
    keys: Sequence[bytes]


def by_reading(scheme: Scheme, request: Request, texts: Sequence[str]) -> Iterator[Guess]:
    """Every other way to make a key out of the same secret's text."""
    if scheme.algorithm.is_asymmetric:
        return
    for text in texts:
        for way, key in _readings(text):
            title = f"The sender reads the secret as {way}"
            advice = (
                f"{scheme.title} takes its secret as {scheme.secret_encoding}"
                f"{_after(scheme.secret_prefix)}. Mend the sender, or choose the scheme that it "
                "follows, or paste the secret exactly as the provider shows it."
            )
            yield Guess(title, advice, scheme, request, [key])


def _after(prefix: str) -> str:
    return f" after {prefix}" if prefix else ""


def _readings(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.strip()
    if plain != text:
        yield "text without the blanks around it", plain.encode()
    forms = [("", plain)]
    forms += [(f", without {p}", plain[len(p) :]) for p in PREFIXES if plain.startswith(p)]
    for which, form in forms:
        yield f"plain text{which}", form.encode()
        yield f"plain text{which}, with a line feed at its end", form.encode() + b"\n"
        yield f"hex{which}", _tried(binascii.unhexlify, form)
        padded = form + "=" * (-len(form) % 4)
        yield f"base64{which}", _tried(base64.b64decode, padded)
        yield f"base64 with the URL alphabet{which}", _tried(base64.urlsafe_b64decode, padded)


def _tried(decode: Any, text: str) -> bytes:
    """The decoded bytes; the text itself, tried already, where it is not of this form."""
    try:
        return bytes(decode(text)) or text.encode()
    except (ValueError, UnicodeError):
        return text.encode()


def by_body(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Iterator[Guess]:
    """The body as something on the way may have changed it."""
    if Part.BODY not in scheme.wire.pieces and scheme.check is None:
        return
    tried = {request.body}
    for what, body in _bodies(request.body):
        if body not in tried:
            tried.add(body)
            advice = (
                "What was signed is not what came. Something on the way (a proxy, a framework, a "
                "viewer it was copied from) wrote the body anew: pass on the raw bytes."
            )
            title = f"The signature fits the body {what}"
            yield Guess(title, advice, scheme, request._replace(body=body), keys)


def _bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "with a line feed at its end", body + b"\n"
    yield "with CR LF at its end", body + b"\r\n"
    yield "without the line end at its end", body.rstrip(b"\r\n")
    yield "without blanks around it", body.strip()
    yield "without its byte order mark", body.removeprefix(BOM)
    yield "with a byte order mark before it", BOM + body
    yield "with LF for CR LF", body.replace(b"\r\n", b"\n")
    yield "with CR LF for LF", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "as an empty one: it was read before it was signed, or lost", b""
    if text := _utf8(body):
        yield (
            "with its letters encoded twice",
            text.encode("latin-1", "replace").decode("latin-1").encode(),
        )
        yield "in Latin-1 instead of UTF-8", text.encode("latin-1", "replace")
        yield "in UTF-16", text.encode("utf-16-le")
    if len(body) <= MAX_JSON_BYTES:
        yield from _rewritten(body)


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return ""


def _rewritten(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The same JSON as other libraries write it."""
    value = read_json(body.removeprefix(BOM))
    if not isinstance(value, dict | list):
        return
    for layout, options in LAYOUTS:
        for order in (False, True):
            for is_ascii in (False, True):
                text = json.dumps(value, sort_keys=order, ensure_ascii=is_ascii, **options)
                name = f"written as {layout} JSON"
                name += ", members sorted" if order else ""
                name += ", letters beyond ASCII escaped" if is_ascii else ""
                yield from _endings(name, text)


def _endings(name: str, text: str) -> Iterator[tuple[str, bytes]]:
    for way, changed in (
        ("", text),
        (", slashes escaped", text.replace("/", "\\/")),
        (", <, > and & escaped", _for_html(text)),
    ):
        raw = changed.encode("utf-8", "surrogatepass")
        yield name + way, raw
        yield f"{name}{way}, with a line feed at its end", raw + b"\n"


def _for_html(text: str) -> str:
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


LAYOUTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("compact", {"separators": (",", ":")}),
    ("spaced", {}),
    ("indented (2)", {"indent": 2}),
    ("indented (4)", {"indent": 4}),
    ("indented (tab)", {"indent": "\t"}),
)


def by_address(
    scheme: Scheme, request: Request, keys: Sequence[bytes], *, urls: Sequence[bytes]
) -> Iterator[Guess]:
    """Other forms of the address and method, for schemes that sign them."""
    pieces = scheme.wire.pieces
    if Part.URL in pieces or scheme.check is not None:
        for url in dict.fromkeys(_addresses(request, urls)):
            title = f"The provider signed the address {url.decode('latin-1')}"
            advice = (
                "Set that address as the source's public URL, or enter this source's own one at "
                "the provider: scheme, host, port, path and the last slash all count."
            )
            yield Guess(title, advice, scheme, request._replace(url=url), keys)
    if Part.METHOD in pieces:
        for method in (b"POST", b"GET", b"PUT", b"post"):
            title = f"The provider signed the method {method.decode()}"
            advice = "Something on the way changed the method: deliver by POST."
            yield Guess(title, advice, scheme, request._replace(method=method), keys)


def _addresses(request: Request, urls: Sequence[bytes]) -> Iterator[bytes]:
    hosts = [value for name, value in request.headers if name in (b"host", b"x-forwarded-host")]
    for url in (request.url, *urls):
        parts = urlsplit(url)
        name, _, port = parts.netloc.partition(b":")
        names = [name, *(host.strip() for host in hosts)]
        ends = {parts.path, parts.path.rstrip(b"/"), parts.path.rstrip(b"/") + b"/"}
        queries = dict.fromkeys((parts.query, request.query, b""))
        for scheme in (b"https", b"http"):
            for host in names:
                default = b":443" if scheme == b"https" else b":80"
                for suffix in dict.fromkeys((b"", default, b":" + port if port else b"")):
                    netloc = host if b":" in host else host + suffix
                    for path in sorted(ends):
                        for query in queries:
                            yield urlunsplit((scheme, netloc, path, query, b""))


def by_scheme(scheme: Scheme, request: Request, texts: Sequence[str]) -> Iterator[Guess]:
    """The schemes of the catalogue whose signature headers came."""
    for other in look_alikes(scheme, request):
        keys = [key for text in texts if (key := _key(other, text))]
        title = f"It is signed as {other.title} signs"
        advice = (
            f"This source expects {scheme.title}. A source keeps its scheme: make one for "
            f"{other.title} and enter its address at the provider."
        )
        yield Guess(title, advice, other, request, keys)


def look_alikes(scheme: Scheme, request: Request) -> list[Scheme]:
    """Other schemes of the catalogue whose signature headers are there."""
    names = {name for name, _ in request.headers}
    return [
        other
        for other in SCHEMES.values()
        if other.name != scheme.name
        and other.check is None
        and names.intersection(other.wire.signature_headers)
    ]


def _key(scheme: Scheme, text: str) -> bytes:
    try:
        return key_of(scheme, text)
    except BadSecret:
        return b""


def by_header(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Iterator[Guess]:
    """Headers that came twice, joined, or with blanks or quotes around them."""
    names = scheme.wire.wanted
    firsts: dict[bytes, bytes] = {}
    for name, value in request.headers:
        firsts.setdefault(name, value)
    if len(firsts) < len(request.headers):
        title = "A header came twice; the first of each fits"
        advice = "Something between the provider and here adds headers again: look there."
        yield Guess(title, advice, scheme, request._replace(headers=list(firsts.items())), keys)
    joined = [(name, _half(value) if name in names else value) for name, value in request.headers]
    title = "A proxy joined a repeated header into one, with a comma"
    advice = "It is delivered to the proxy twice, or the proxy adds it: let it pass one."
    yield Guess(title, advice, scheme, request._replace(headers=joined), keys)
    bare = [(n, v.strip(BLANKS) if n in names else v) for n, v in request.headers]
    title = "Blanks or quotes stand around a header's value"
    advice = "The sender writes the header with quotes or blanks: let it send the bare value."
    yield Guess(title, advice, scheme, request._replace(headers=bare), keys)


def _half(value: bytes) -> bytes:
    """The one value of two equal ones joined by a comma; else as it is."""
    first, separator, second = value.partition(b", ")
    if not separator:
        first, separator, second = value.partition(b",")
    if separator and first == second:
        return first
    middle = len(value) // 2
    left, right = value[:middle].rstrip(b", "), value[middle:].lstrip(b", ")
    return left if left == right else value


def by_form(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Iterator[Guess]:
    """The signature in another encoding, by another algorithm, in another header."""
    if scheme.check is not None or scheme.algorithm.is_asymmetric:
        return
    own = scheme.wire.signature_headers
    others = [name for name, _ in request.headers if name not in own][:MAX_OTHER_HEADERS]
    values = dict(request.headers)
    for name in (*own, *others):
        if name in values:
            yield from _in_header(scheme, request, keys, name=name, value=values[name])


def _in_header(
    scheme: Scheme, request: Request, keys: Sequence[bytes], *, name: bytes, value: bytes
) -> Iterator[Guess]:
    is_own = name in scheme.wire.signature_headers
    # In a header of another name it stands alone, unless the time is a field beside it.
    is_listed = is_own or scheme.timestamp.startswith("field:")
    headers = [(n, _plain_base64(v) if n == name else v) for n, v in request.headers]
    for prefix in _prefixes(scheme, value):
        for algorithm in _algorithms(scheme):
            for encoding in (Encoding.HEX, Encoding.BASE64):
                changed = replace(
                    scheme,
                    algorithm=algorithm,
                    signature_encoding=encoding,
                    signature_prefix=prefix,
                    is_prefix_optional=False,
                    signature_headers=(name.decode("latin-1"),),
                    item_separator=scheme.item_separator if is_listed else "",
                    signature_field=scheme.signature_field if is_listed else "",
                )
                title = _form_title(scheme, changed, name=name, is_own=is_own)
                advice = (
                    f"{scheme.title} is checked with {scheme.algorithm} in "
                    f"{scheme.signature_encoding} from "
                    f"{', '.join(scheme.signature_headers)}: choose the scheme that this sender "
                    "follows, or describe it as a custom one."
                )
                yield Guess(title, advice, changed, _with(request, headers), keys)


def _with(request: Request, headers: list[HeaderPair]) -> Request:
    return request._replace(headers=headers)


def _algorithms(scheme: Scheme) -> tuple[Algorithm, ...]:
    return (Algorithm.TOKEN,) if scheme.algorithm is Algorithm.TOKEN else SHARED


def _prefixes(scheme: Scheme, value: bytes) -> list[str]:
    found = PREFIX.match(value)
    guessed = found[0].decode("ascii") if found else ""
    return list(dict.fromkeys((scheme.signature_prefix, guessed, "")))


def _plain_base64(value: bytes) -> bytes:
    """Base64 of the URL alphabet or without padding in the usual form; else as it is."""
    head, _, tail = value.rpartition(b"=") if PREFIX.match(value) else (b"", b"", value)
    if not re.fullmatch(rb"[A-Za-z0-9_-]{27,88}", tail) or re.fullmatch(rb"[0-9a-fA-F]+", tail):
        return value
    usual = tail.replace(b"-", b"+").replace(b"_", b"/")
    return (head + b"=" if head else b"") + usual + b"=" * (-len(usual) % 4)


def _form_title(scheme: Scheme, changed: Scheme, *, name: bytes, is_own: bool) -> str:
    said = []
    if changed.algorithm is not scheme.algorithm:
        said.append(f"made with {changed.algorithm}")
    if changed.signature_encoding is not scheme.signature_encoding:
        said.append(f"written in {changed.signature_encoding}")
    if changed.signature_prefix != scheme.signature_prefix:
        said.append(
            f"written after {changed.signature_prefix!r}"
            if changed.signature_prefix
            else f"written without {scheme.signature_prefix!r}"
        )
    if not is_own:
        said.append(f"sent in {name.decode('latin-1')}")
    return f"The signature is {', '.join(said) or 'written with another alphabet of base64'}"
