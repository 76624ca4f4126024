"""Tool definitions and arguments against JSON Schema 2020-12, with every way out closed (pure)."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs

from audit.canonical import NotCanonical, canonical
from gateway.lib.pointer import pointer
from gateway.tools import structure
from gateway.tools.structure import REFERENCES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMA_BYTES = 65_536
MAX_SCHEMA_DEPTH = 40
MAX_PROBLEMS = 50
# What the validator checks; it would pass over any other name, and so would everybody's attention.
FORMATS = frozenset(
    {
        "date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
        "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template",
        "json-pointer", "relative-json-pointer", "regex", "uuid",
    }
)  # fmt: skip
_MONEY = re.compile(r"amount|price|total|cost|fee|balance|payment|refund|salary", re.IGNORECASE)
# They move the base that references start from, which makes a local-looking reference remote.
_REBASING = ("$id", "$anchor", "$dynamicAnchor", "$vocabulary")
_DATA = ("const", "enum", "default", "examples")
_NAMED = ("properties", "patternProperties", "$defs", "dependentSchemas")


class SchemaError(ValueError):
    """The definition cannot be used for a tool; `path` is a JSON Pointer into it."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One thing wrong with arguments; the message never repeats their values."""

    path: str
    message: str


def check_definition(schema: Mapping[str, Any]) -> None:
    """Accepts a strict definition of a tool's arguments; raises SchemaError for any other."""
    if not isinstance(schema, dict):
        raise SchemaError("a definition is a JSON object")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise SchemaError(f"only {DIALECT} is understood", "/$schema")
    if schema.get("type") != "object":
        raise SchemaError("arguments are an object: type must be object", "/type")
    if schema.get("additionalProperties") is not False:
        raise SchemaError(
            "unknown arguments must be refused: additionalProperties must be false",
            "/additionalProperties",
        )
    _check(schema)


def check_output(schema: Mapping[str, Any]) -> None:
    """Accepts a definition of a tool's results: any value, and open where it leaves things open.

    Raises SchemaError as `check_definition` does.
    """
    if not isinstance(schema, dict):
        raise SchemaError("a definition is a JSON object")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise SchemaError(f"only {DIALECT} is understood", "/$schema")
    _check(schema, is_closed=False)


def warnings(schema: Mapping[str, Any]) -> tuple[SchemaProblem, ...]:
    """What an accepted definition allows although it seldom should; by place."""
    found: list[SchemaProblem] = []
    for path, part in structure.parts(dict(schema)):
        found += [SchemaProblem(pointer(path), text) for text in _doubts(path, part)]
    return tuple(found)


def _doubts(path: tuple[str | int, ...], part: dict[str, Any]) -> Iterator[str]:
    kinds = part.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    name = str(path[-1]) if len(path) > 1 and path[-2] == "properties" else ""
    if "number" in kinds and _MONEY.search(name):
        yield "money as a float rounds: use an integer of minor units, or a decimal text"
    if name and not part:
        yield "takes any value at all"
    if any(part.get(key) is True for key in ("additionalProperties", "unevaluatedProperties")):
        yield "takes members that it does not name"


def problems(schema: Mapping[str, Any], arguments: object) -> tuple[SchemaProblem, ...]:
    """What is wrong with the arguments, at most 50 problems; nothing for good ones.

    The definition must have passed `check_definition`.
    """
    errors = islice(_validator(_text(schema)).iter_errors(arguments), MAX_PROBLEMS)
    return tuple(SchemaProblem(pointer(error.instance_path), error.message) for error in errors)


def _check(schema: dict[str, Any], *, is_closed: bool = True) -> None:
    for part, path in _subschemas(schema, (), 0):
        _check_references(part, path, root=schema)
    text = _text(schema)
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaError(f"a definition has at most {MAX_SCHEMA_BYTES} bytes")
    _check_endless(schema)
    try:
        if is_closed:
            structure.check_closed(schema)
        structure.check_cost(schema)
        jsonschema_rs.meta.validate(schema)
        _check_formats(schema)
        _validator(text)
    except structure.Unsound as error:
        raise SchemaError(error.message, error.path) from error
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        path = pointer(getattr(error, "instance_path", ()))
        raise SchemaError(str(getattr(error, "message", error)), path) from error


def _check_formats(schema: dict[str, Any]) -> None:
    for path, part in structure.parts(schema):
        if (name := part.get("format")) is not None and name not in FORMATS:
            raise SchemaError(f"the format {str(name)[:40]!r} is not checked", pointer(path))


def _text(schema: Mapping[str, Any]) -> str:
    try:
        return canonical(schema).decode()
    except NotCanonical as error:
        raise SchemaError(str(error)) from error


@lru_cache(maxsize=512)
def _validator(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(text),
        validate_formats=True,
        retriever=_refuse,
        # The engine without look-around: its matching time is linear in the text.
        pattern_options=jsonschema_rs.RegexOptions(),
        # Messages end in logs and with the agent; arguments may hold secrets.
        mask="the value",
    )


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside of the definition")


def _check_references(part: dict[str, Any], path: str, *, root: dict[str, Any]) -> None:
    for name in _REBASING:
        if name in part:
            raise SchemaError(f"{name} is not supported", f"{path}/{name}")
    if path and "$schema" in part:
        raise SchemaError("$schema belongs at the top", f"{path}/$schema")
    for name in REFERENCES:
        if name in part:
            _target(root, part[name], f"{path}/{name}")


def _target(root: dict[str, Any], reference: object, path: str) -> object:
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise SchemaError("references point into the definition itself (#/$defs/…)", path)
    try:
        return structure.target(root, reference)
    except LookupError as error:
        raise SchemaError(f"{reference} points to nothing", path) from error


def _subschemas(
    part: object, path: tuple[str | int, ...], depth: int
) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object that may stand where a schema stands, with its pointer."""
    if depth > MAX_SCHEMA_DEPTH:
        raise SchemaError(f"a definition is nested at most {MAX_SCHEMA_DEPTH} deep", pointer(path))
    if isinstance(part, list):
        for index, inner in enumerate(part):
            yield from _subschemas(inner, (*path, index), depth + 1)
    if not isinstance(part, dict):
        return
    # Names chosen by the author are no keywords, whatever they look like.
    if not (path and path[-1] in _NAMED and (len(path) < 2 or path[-2] not in _NAMED)):
        yield part, pointer(path)
    for key, inner in part.items():
        if key not in _DATA or (path and path[-1] in _NAMED):
            yield from _subschemas(inner, (*path, key), depth + 1)


def _check_endless(root: dict[str, Any]) -> None:
    """Refuses references that lead back to themselves without going deeper into the arguments."""
    for part, path in _subschemas(root, (), 0):
        if any(name in part for name in REFERENCES) and _returns(root, part, path):
            raise SchemaError("this reference leads back to itself", path)


def _returns(root: dict[str, Any], start: dict[str, Any], path: str) -> bool:
    waiting, seen = list(_in_place(root, start, path)), set()
    while waiting:
        part = waiting.pop()
        if part is start:
            return True
        if id(part) not in seen:
            seen.add(id(part))
            waiting.extend(_in_place(root, part, path))
    return False


def _in_place(root: dict[str, Any], part: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """The schemas that judge the same value as this one does."""
    yield from (inner for _, inner in structure.same_value(part))
    for key in REFERENCES:
        if key in part and isinstance(found := _target(root, part[key], path), dict):
            yield found
