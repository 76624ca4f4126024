"""From a verified event to what it leads to: the first route whose filter holds. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.lib.cel import (
    CelError,
    CelRuntimeError,
    Facts,
    Json,
    compile_expression,
    prepare,
)
from gateway.lib.strictjson import Ambiguous, Marked, parse, parse_marked
from webhooks.schemes.base import Scheme, Where
from webhooks.schemes.bodies import member, text_of

VARIABLES = ("event", "headers", "body")
FORM = "application/x-www-form-urlencoded"
# The member in which some providers send JSON inside a form.
FORM_JSON = "payload"
MAX_TYPE_LENGTH = 128
MAX_FORM_FIELDS = 200


@dataclass(frozen=True)
class Rule:
    """A route as far as choosing and filling in are concerned."""

    name: str
    when: str
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """The place of the chosen rule, None when none matched, and what could not be evaluated."""

    index: int | None
    trouble: tuple[str, ...] = ()


class RouteError(ValueError):
    """A filter or mapping that cannot work; `field` says which, the message why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(rule: Rule) -> None:
    """Raises RouteError unless every expression of the route compiles."""
    try:
        compile_expression(rule.when, VARIABLES, result="bool")
    except CelError as error:
        raise RouteError("when", f"{error}\n{error.caret_text}".rstrip()) from error
    for name, source in rule.arguments.items():
        try:
            compile_expression(source, VARIABLES)
        except CelError as error:
            text = f"{name}: {error}\n{error.caret_text}".rstrip()
            raise RouteError("arguments", text) from error


def read_body(raw: bytes, content_type: str) -> Json:
    """The body as routes see it: JSON, or a form's fields; None where it is neither.

    Whatever has more than one meaning is left out, so that no filter or mapping can rest on it.
    """
    if content_type.partition(";")[0].strip().lower() == FORM:
        return _read_form(raw)
    try:
        # Nearly every body: nothing in it is ambiguous, so there is nothing to leave out.
        return parse(raw, max_bytes=len(raw))  # type: ignore[return-value]
    except Ambiguous:
        return _unambiguous(raw)


def _unambiguous(raw: bytes) -> Json:
    try:
        return _plain(parse_marked(raw, whole=()))
    except Ambiguous:
        return None


def _read_form(raw: bytes) -> Json:
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"
        )
    except ValueError:
        return None
    fields: dict[str, Json] = dict(pairs)
    if len(fields) != len(pairs):
        return None
    if set(fields) == {FORM_JSON}:
        return read_body(str(fields[FORM_JSON]).encode(), "application/json")
    return fields


def _plain(value: object) -> Json:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not isinstance(item, Marked)}
    if isinstance(value, list):
        return [None if isinstance(item, Marked) else _plain(item) for item in value]
    return None if isinstance(value, Marked) else value  # type: ignore[return-value]


def type_in(scheme: Scheme, body: Json) -> str:
    """The event type that the body tells, where the scheme says that it does; else empty."""
    for place in scheme.wire.types:
        if place.where is Where.BODY:
            found = text_of(member(body, place.name))
            if found and found.isprintable():
                return found[:MAX_TYPE_LENGTH]
    return ""


def facts(event: Mapping[str, Json], headers: Sequence[tuple[str, str]], body: Json) -> Facts:
    """What filters and mappings see; header names are lower case, the first of a name counts.

    A body that CEL cannot read whole is left out rather than misread.
    """
    given: dict[str, Json] = {
        "event": dict(event),
        "headers": dict(reversed(headers)),
        "body": body,
    }
    try:
        return prepare(given)
    except CelRuntimeError:
        return prepare(given | {"body": None, "headers": {}})


def choose(rules: Sequence[Rule], seen: Facts) -> Choice:
    """The first rule whose filter holds; one that has no value for this event does not hold."""
    trouble: list[str] = []
    for index, rule in enumerate(rules):
        try:
            if compile_expression(rule.when, VARIABLES, result="bool").evaluate(seen) is True:
                return Choice(index, tuple(trouble))
        except (CelError, CelRuntimeError) as error:
            trouble.append(f"{rule.name}: {error}")
    return Choice(None, tuple(trouble))


def fill_in(rule: Rule, seen: Facts) -> dict[str, Json]:
    """The mapped fields; raises RouteError for one that has no value for this event."""
    filled = {}
    for name, source in rule.arguments.items():
        try:
            filled[name] = compile_expression(source, VARIABLES).evaluate(seen)
        except (CelError, CelRuntimeError) as error:
            raise RouteError("arguments", f"{name}: {error}") from error
    return filled


def shown(value: Json) -> str:
    """A mapped value as text, such as a run's task."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
