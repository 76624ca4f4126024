"""Masking with this deployment's key, so that a mask's fingerprint cannot be guessed back."""

import json
from collections.abc import Iterable
from typing import Any

from approvals.models import Action, ActionVersion
from approvals.redact import redact, restore
from audit.canonical import canonical
from gateway.lib.pointer import pointer, steps
from gateway.lib.sealing import mask_key


def masked(value: Any, paths: Iterable[str] = ()) -> Any:
    """A copy with secrets and the named sensitive paths masked."""
    return redact(value, paths, key=mask_key())


def unmasked(edited: Any, original: Any, paths: Iterable[str] = ()) -> Any:
    """The edited copy of a masked value with its secrets in place again; raises StrayMask."""
    return restore(edited, original, paths, key=mask_key())


def shown_arguments(row: Action | ActionVersion) -> Any:
    """The arguments as people and agents see them; None where they had two meanings."""
    sensitive = row.tool_version.sensitive if row.tool_version else ()
    return masked(row.arguments_value, sensitive)


def masked_columns(values: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A row's columns, masked wherever they hold the arguments, whole or as a request's body."""
    places = (("arguments",), ("rendered", "arguments"), ("rendered", "body"), ("facts", "args"))
    return masked(values, [pointer((*place, *steps(path))) for path in paths for place in places])


def in_request(paths: Iterable[str]) -> list[str]:
    """Paths of arguments, and the same places where a request holds the arguments as they are."""
    named = list(paths)
    return [*named, *(pointer(("arguments", *steps(path))) for path in named)]


def shown_request(rendered: Any, sensitive: Iterable[str]) -> Any:
    """The exact request, without its secrets; a body that holds masked members is text as well."""
    paths = list(sensitive)
    if isinstance(body := rendered.get("body"), str):
        rendered = {**rendered, "body": _masked_text(body, paths)}
    return masked(rendered, in_request(paths))


def _masked_text(text: str, sensitive: list[str]) -> str:
    """The text byte for byte where nothing in it is secret."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    safe = masked(value, sensitive)
    return text if safe == value else canonical(safe).decode()
