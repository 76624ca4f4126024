"""Hostile texts: three collections of others, and what is made here of code points."""

import json
import unicodedata
from functools import cache
from pathlib import Path

from gateway.lib.visible import hidden_count

CORPORA = Path(__file__).resolve().parents[1] / "corpora"
# Every code point below this is asked; above are only unassigned planes and private use.
LAST_PLANE = 0xE1000
WORD = ("wo", "rd")
LETTERS = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "x": "х", "y": "у", "i": "і"}
HOSTS = ("paypal.example", "apple.example", "cisco.example", "exxon.example", "yahoo.example")
ANSI = ("31m", "2J", "1;1H", "?25l", "8m", "0K", "6n", "s", "u", "5i")
OSC = ("0;title", "8;;https://evil.example", "52;c;Y2F0", "1337;File=:", "9;note")
HTMX = (
    "hx-get", "hx-post", "hx-put", "hx-delete", "hx-patch", "data-hx-get", "data-hx-post",
    "hx-trigger", "hx-on:click", "hx-on::load", "data-hx-on:click", "hx-vals", "hx-headers",
    "hx-ext", "hx-swap-oob", "hx-include", "hx-boost", "sse-connect", "ws-connect", "hx-push-url",
)  # fmt: skip


@cache
def naughty() -> tuple[str, ...]:
    """515 strings that break naive software."""
    raw = (CORPORA / "naughty-strings" / "blns.json").read_text(encoding="utf-8")
    return tuple(json.loads(raw))


@cache
def markup() -> tuple[str, ...]:
    """2,320 lines that ran as script somewhere."""
    lines: dict[str, None] = {}
    for path in sorted((CORPORA / "xss").glob("*.txt")):
        text = path.read_bytes().decode("utf-8", "replace")
        lines |= dict.fromkeys(line for line in text.split("\n") if line.strip())
    return tuple(line.rstrip("\r") for line in lines)


@cache
def documents() -> tuple[str, ...]:
    """318 JSON documents, good and bad, as text; what is no UTF-8 byte by byte."""
    found = sorted((CORPORA / "json-test-suite" / "test_parsing").glob("*.json"))
    return tuple(_text(path.read_bytes()) for path in found)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@cache
def invisible() -> tuple[str, ...]:
    """Every assigned code point that no reader would see, private use and noncharacters aside."""
    return tuple(
        chr(point)
        for point in range(LAST_PLANE)
        if not _is_dull(point) and hidden_count(f"wo{chr(point)}rd")
    )


def _is_dull(point: int) -> bool:
    """Long stretches of the same kind: one of each is as good as all."""
    if 0xD800 <= point <= 0xDFFF or 0xE000 < point < 0xF8FF:
        return True
    return unicodedata.category(chr(point)) == "Cn" and not 0xE0000 <= point < 0xE0080


@cache
def generated() -> tuple[str, ...]:
    """Bidi, zero width, tags, look-alikes and terminal sequences, each within a text."""
    inside = [f"pay {point.join(WORD)} 100" for point in invisible()]
    swapped = [host.replace(a, b) for host in HOSTS for a, b in LETTERS.items() if a in host]
    mails = [f"billing@{host}" for host in swapped]
    ansi = [f"ok \x1b[{one} done" for one in ANSI] + [f"\x9b{one} done" for one in ANSI]
    osc = [f"\x1b]{one}\x07 done" for one in OSC]
    return (*inside, *swapped, *mails, *ansi, *osc)


@cache
def attributes() -> tuple[str, ...]:
    """200 texts that would make htmx ask for /evil, were they markup."""
    tags = ("div", "a", "form", "button", "body", "img", "input", "svg", "template", "p")
    return tuple(
        f"<{tag} {name}='/evil/{number}' hx-trigger='load, every 1s' {name}=\"/evil\">x</{tag}>"
        for number, tag in enumerate(tags)
        for name in HTMX
    )


# What plain escaping loses on its way through an HTML parser, and other odd beginnings and ends.
RAW = (
    "a\x00b", "a\rb", "a\r\nb", "\nleading", "\n\nleading", "trailing\n", "\r\n", "\ttab\t", " a ",
    "a\u2028b\u2029c", "\ufeffbom", "a\x0bb\x0cc\x85d", "&lt;b&gt; &amp; &#0; &#x202e;",
    "</code></pre></textarea></title><script>alert(1)</script>", "<!-- a --> <![CDATA[ b ]]>",
    "{\"not\": json", "[1, 2 ,3]", "{}", "x" * 5000, "\u0301" * 40, "a" + "\u0301" * 12 + "b",
    "data-char=\"U+0041\"", "\u27e6U+202E\u27e7", "%00%0d%0a", "\U0010ffff\ufffe",
)  # fmt: skip


@cache
def everything() -> tuple[str, ...]:
    """All of it."""
    return (*naughty(), *markup(), *documents(), *generated())
