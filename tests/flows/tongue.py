"""A language of no country: every message that is marked in the source, bracketed and longer.

What still stands on a page in plain letters was forgotten, or is data.
"""

import ast
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.utils.translation import trans_real
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
# Esperanto's code, whose dates and numbers Django knows, and in which nothing of ours is written.
CODE = "eo"
APPS = ("approvals", "audit", "gateway", "webhooks")
MARKERS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "_"}
IN_TEMPLATE = re.compile(r"""\b(?:n?gettext|_)\((?:u?(?P<first>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    (?:\s*,\s*u?(?P<second>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""", re.X)  # fmt: skip
# What is no letter of a message: its values, its markup, its entities.
KEPT = re.compile(r"(%\([^)]*\)[sd]|%%|\{\w+(?:[:!][^{}]*)?\}|<[^>]*>|&[#\w]+;)")
ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áƀçđéƒğĥíĵķłɱñóþɋŕšţúṽŵẋýžÅƁÇÐÉƑĞĤÎĴĶŁṀÑÖÞɊŘŠŢÛṼŴẊÝŽ",
)
PAD = "ôôôô "
OPEN, CLOSE = "«", "»"
GROWTH = 0.3
# Elements whose text is code or a time, and attributes that people read or hear.
CODE_ELEMENTS = {"script", "style", "code", "pre", "kbd", "time", "textarea", "svg"}
READ = {"title", "aria-label", "placeholder", "alt", "data-label", "aria-description"}
EMPTY = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr",
}  # fmt: skip


def longer(message: str) -> str:
    """The message as this language says it: a third longer, its values and markup as they are."""
    if not message.strip():
        return message
    parts = KEPT.split(message)
    text = "".join(p if at % 2 else p.translate(ACCENTS) for at, p in enumerate(parts))
    more = math.ceil(GROWTH * sum(len(part) for part in parts[::2]))
    pad = (PAD * (more // len(PAD) + 1))[:more].rstrip()
    return f"{OPEN}{text} {pad}{CLOSE}"


class Tongue(NullTranslations):
    """The language; only what `make messages` would find is translated."""

    def __init__(self, known: frozenset[str]) -> None:
        super().__init__()
        self.known = known

    def language(self) -> str:
        """Its code, as Django asks for it."""
        return CODE

    to_language = language

    def gettext(self, message: str) -> str:
        """One message."""
        plain = message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]
        return longer(plain) if message in self.known or plain in self.known else plain

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """One message by its number."""
        said = singular if number == 1 else plural
        return longer(said) if singular in self.known else said


@contextmanager
def spoken(settings: Any) -> Iterator[None]:
    """While it lasts people may choose the language."""
    settings.LANGUAGES = [*settings.LANGUAGES, (CODE, "Pseudo")]
    trans_real._translations[CODE] = Tongue(marked() | _of_packages())
    try:
        yield
    finally:
        trans_real._translations.pop(CODE, None)


@cache
def marked() -> frozenset[str]:
    """Every message that is marked in templates and code."""
    return frozenset([*_in_templates(), *_in_code()])


@cache
def _of_packages() -> frozenset[str]:
    """The messages of Django and of the packages whose forms we show."""
    # Polish and French are spoken by all of them, and by nothing of ours.
    parts = [
        part
        for code in ("pl", "fr")
        for part in trans_real.DjangoTranslation(code)._catalog._catalogs
    ]
    return frozenset(key[0] if isinstance(key, tuple) else key for part in parts for key in part)


def _in_templates() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.*"):
        for match in IN_TEMPLATE.finditer(templatize(path.read_text(encoding="utf-8"))):
            yield ast.literal_eval(match["first"])
            if match["second"]:
                yield ast.literal_eval(match["second"])


def _in_code() -> Iterator[str]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "gettext" in text and "migrations" not in path.parts:
                yield from _in_module(ast.parse(text))


def _in_module(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKERS:
            for given in node.args[:2]:
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    yield given.value


class Reader(HTMLParser):
    """Whatever a page says to people: its texts, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember where we are, and what its attributes say."""
        if tag not in EMPTY:
            self.inside.append(tag)
        if tag not in CODE_ELEMENTS:
            self.said += [" ".join(v.split()) for name, v in attrs if name in READ and v]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content, as of SVG."""

    def handle_endtag(self, tag: str) -> None:
        """Leave the element, and what was left open in it."""
        while tag in self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """A text, unless it is code."""
        if data.strip() and not CODE_ELEMENTS.intersection(self.inside):
            self.said.append(" ".join(data.split()))


def said_on(html: str) -> list[str]:
    """What the page says."""
    reader = Reader()
    reader.feed(html)
    return reader.said
