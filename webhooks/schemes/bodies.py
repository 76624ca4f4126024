"""What a body that was verified says: JSON, or a form's fields. For ids and times, not for rules.

`webhooks.routing.read_body` is stricter, because filters and mappings rest on it.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

FORM = b"application/x-www-form-urlencoded"
# The member in which some providers send JSON inside a form.
FORM_JSON = "payload"
MAX_FORM_FIELDS = 200


def read(raw: bytes, media_type: bytes) -> Any:
    """The body as values; None where it is neither JSON nor a form."""
    if media_type.partition(b";")[0].strip().lower() == FORM:
        return read_form(raw)
    return read_json(raw)


def read_either(raw: bytes) -> Any:
    """The body as values by its bytes alone: JSON where it is that, else a form's fields."""
    value = read_json(raw)
    return read_form(raw) if value is None else value


def is_utf8(raw: bytes) -> bool:
    """Whether the bytes are a text in UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_json(raw: bytes) -> Any:
    """The JSON value, None where the bytes are none in UTF-8.

    Left to itself, the library would guess UTF-16 and UTF-32, as no other reader of ours does.
    """
    try:
        return json.loads(raw.decode("utf-8-sig"))
    # A number of 5,000 digits is a ValueError, a body of brackets a RecursionError.
    except (ValueError, RecursionError):
        return None


def read_form(raw: bytes) -> dict[str, Any] | None:
    """The fields of a form, the last of a name; JSON in `payload` is read as well."""
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"
        )
    except ValueError:
        return None
    fields: dict[str, Any] = dict(pairs)
    if FORM_JSON in fields:
        fields[FORM_JSON] = read_json(fields[FORM_JSON].encode())
    return fields


def member(value: Any, path: str) -> Any:
    """The member at a dotted path; an empty path is the value itself, a number a list's item."""
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name[:6]) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def joined(texts: list[str]) -> str:
    """One text for all parts of an id, different wherever the parts are."""
    text = ":".join(texts)
    # Of "a:b" and "c" a colon alone would make the same as of "a" and "b:c".
    return text if text.count(":") == len(texts) - 1 or len(texts) == 1 else json.dumps(texts)


def text_of(value: Any) -> str:
    """A text or whole number as text; empty for all else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
