"""Approved texts, filled with an agent's values and nothing else (pure).

A template is subject, text and perhaps HTML, written by an administrator. `{{ name }}` stands for a
value, which stays what it is: a piece of text. It can neither begin a header nor a tag, and a name
that is missing or too many is an error, not an empty place.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

from gateway.tools.render import RenderError

MAX_TEMPLATE = 50_000
MAX_VALUE = 2000
MAX_SUBJECT = 200
FIELDS = frozenset({"subject", "text", "html"})
_PLACEHOLDER = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_STRAY = re.compile(r"\{\{|\}\}|\{%")
# From a `<` to its `>`, or to the end where none follows: a place where text is no text.
_TAG = re.compile(r"<[^>]*(?:>|$)")
_RAW = re.compile(r"<\s*(script|style|textarea|title|iframe|noscript)\b", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def check(templates: Any) -> None:
    """Accepts templates that can be filled; raises RenderError, naming the first that cannot."""
    if not isinstance(templates, Mapping) or not templates:
        raise RenderError("templates", "at least one approved template is needed")
    for name, template in templates.items():
        try:
            _check(template)
        except RenderError as error:
            raise RenderError(f"templates.{name}.{error.field}", error.message) from error


def names(template: Mapping[str, str]) -> set[str]:
    """The values it asks for."""
    return {name for part in template.values() for name in _PLACEHOLDER.findall(part)}


def fill(template: Mapping[str, str], values: Any) -> dict[str, str]:
    """Subject, text and HTML with every value in its place; raises RenderError."""
    if not isinstance(values, Mapping):
        raise RenderError("values", "an object of names and texts is needed")
    wanted = names(template)
    if missing := sorted(wanted - set(values)):
        raise RenderError("values", f"the template needs {', '.join(missing)}")
    if unknown := sorted(set(values) - wanted):
        raise RenderError("values", f"the template has no {', '.join(unknown)}")
    for name, value in values.items():
        _check_value(name, value)
    filled = {part: _filled(part, text, values) for part, text in template.items()}
    check_line("subject", filled["subject"], longest=MAX_SUBJECT)
    return filled


def check_line(field: str, value: Any, *, longest: int) -> str:
    """A text that can stand in a header: one line, and nothing that could begin another."""
    if not isinstance(value, str) or not value.strip():
        raise RenderError(field, "a text is needed")
    if "\n" in value or "\t" in value or _CONTROL.search(value):
        raise RenderError(field, "one line without control characters is needed")
    if len(value) > longest:
        raise RenderError(field, f"the text is longer than {longest} characters")
    return value


def _check(template: Any) -> None:
    if not isinstance(template, Mapping) or not {"subject", "text"} <= set(template) <= FIELDS:
        raise RenderError("", "subject, text and perhaps html are needed, and nothing else")
    for part, text in template.items():
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEMPLATE:
            raise RenderError(part, f"a text of at most {MAX_TEMPLATE} characters is needed")
        if _STRAY.search(_PLACEHOLDER.sub("", text)):
            raise RenderError(part, "only {{ name }} is understood")
        if _CONTROL.search(text.replace("\r\n", "\n")):
            raise RenderError(part, "there are control characters")
    check_line("subject", template["subject"], longest=MAX_SUBJECT)
    if "html" in template:
        _check_html(template["html"])


def _check_html(text: str) -> None:
    """A value is escaped as text, so only where text stands is it harmless."""
    if _RAW.search(text):
        raise RenderError("html", "script, style and the like have no place in a mail")
    if any(_PLACEHOLDER.search(tag) for tag in _TAG.findall(text)):
        raise RenderError("html", "a placeholder stands in text, never inside a tag")


def _check_value(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise RenderError(f"values.{name}", f"a text of at most {MAX_VALUE} characters is needed")
    if _CONTROL.search(value):
        raise RenderError(f"values.{name}", "the text holds control characters")


def _filled(part: str, text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        given = values[match[1]]
        return html.escape(given).replace("\n", "<br>\n") if part == "html" else given

    return _PLACEHOLDER.sub(value, text)
