"""Masking with this deployment's key, so that a mask's fingerprint cannot be guessed back.

What a tool's definition hides of the arguments is hidden by its value as well: a request, a
sentence, a preview and an answer may say it again in any place.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from approvals.models import Action, ActionVersion
from approvals.redact import (
    Hidden,
    hidden_in,
    hide,
    hide_base64,
    hide_form,
    hide_text,
    hide_url,
    is_mask,
    redact,
    restore,
)
from audit.canonical import canonical, parsed
from gateway.connectors import registry
from gateway.lib.pointer import pointer, steps
from gateway.lib.sealing import mask_key
from gateway.tools import services as tools
from gateway.tools.models import ToolVersion
from gateway.tools.render import METHODS, render_effect

FORM = "application/x-www-form-urlencoded"
# What a definition says of a request; no argument gets there.
FIXED = ("kind", "method")
ARGUMENTS = "arguments"


def masked(value: Any, paths: Iterable[str] = (), *, of: Any = None) -> Any:
    """A copy with secrets and the named sensitive paths masked.

    `of` are a call's arguments: what the paths hide of them is masked wherever the value says it.
    """
    named = list(paths)
    safe = redact(value, named, key=mask_key())
    return safe if of is None else hide(safe, _hidden(of, named))


def unmasked(edited: Any, original: Any, paths: Iterable[str] = ()) -> Any:
    """The edited copy of a masked value with its secrets in place again; raises StrayMask."""
    return restore(edited, original, paths, key=mask_key())


def shown_arguments(row: Action | ActionVersion) -> Any:
    """The arguments as people and agents see them; None where they had two meanings."""
    return masked(row.arguments_value, sensitive_of(row))


def shown_affected(action: Action) -> list[dict[str, Any]]:
    """Who and what a live read found to be affected, as people and agents see it."""
    return _named(action.affected, _hidden_by(action))


def shown_target(row: Action | ActionVersion) -> list[str]:
    """The texts that say what is touched, `kind:id` or method and address, as people see them."""
    if not row.target:
        return []
    hidden, version = _hidden_by(row), row.tool_version
    is_request = version is None or not version.affected
    return [_target(text, hidden, is_request=is_request) for text in row.target]


def shown(row: Action | ActionVersion, value: Any) -> Any:
    """A part of the action that its arguments may stand in, as people and agents see it."""
    return hide(masked(value, sensitive_of(row)), _hidden_by(row))


def sensitive_of(row: Action | ActionVersion) -> list[str]:
    """The paths of the tool's arguments that are never shown."""
    return list(row.tool_version.sensitive) if row.tool_version else []


def effect_sentence(version: ToolVersion, arguments: Any) -> str:
    """What a call will do, in words that hide what its arguments hide.

    It is said of the masked arguments: what else it says is the tool's or in the clear.
    """
    safe = masked(arguments, version.sensitive) or {}
    return render_effect(version.effect, safe, stands_for_all=is_mask)


def masked_facts(seen: dict[str, Any], arguments: Any, sensitive: Iterable[str]) -> dict[str, Any]:
    """What the rules saw, as it is stored and shown: arguments and who is affected are masked."""
    paths = list(sensitive)
    safe = masked(seen, [pointer(("args", *steps(path))) for path in paths])
    if "affected" in safe:
        safe["affected"] = _named(safe["affected"], _hidden(arguments, paths))
    return dict(safe)


def masked_columns(values: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A row's columns, masked wherever they hold the arguments or repeat what those hide."""
    named = list(paths)
    places = ((ARGUMENTS,), ("rendered", ARGUMENTS), ("rendered", "body"), ("facts", "args"))
    safe = masked(values, [pointer((*place, *steps(path))) for path in named for place in places])
    hidden = _hidden(values.get(ARGUMENTS), named)
    for name, value in safe.items():
        if name == "rendered" and isinstance(value, dict):
            safe[name] = _hidden_in_request(value, hidden)
        elif name == "target":
            safe[name] = [_target(text, hidden, is_request=True) for text in value or ()]
        elif name != ARGUMENTS:
            safe[name] = hide(value, hidden)
    return dict(safe)


def shown_request(action: Action) -> dict[str, Any] | None:
    """The exact request, without its secrets and whatever the arguments hide; None without one.

    A body that holds masked members is text as well; one without any stays byte for byte.
    """
    rendered, paths = action.rendered_value, sensitive_of(action)
    if rendered is None:
        return None
    if isinstance(body := rendered.get("body"), str):
        rendered = {**rendered, "body": _masked_text(body, paths)}
    named = [pointer((ARGUMENTS, *steps(path))) for path in paths]
    # The parts of an HTTP request are its own, whatever an argument is called.
    named += paths if rendered.get("kind") != "http" else []
    return _hidden_in_request(masked(rendered, named), _hidden_by(action))


def _hidden(arguments: Any, paths: Iterable[str], version: ToolVersion | None = None) -> Hidden:
    said = partial(_said_anyway, version) if version else lambda _: ()
    return hidden_in(arguments, paths, key=mask_key(), said=said)


def _hidden_by(row: Action | ActionVersion) -> Hidden:
    """What the row's arguments hide, found once for as long as they are the same."""
    asked = (row.tool_version_id, row.arguments)
    if row.known_hidden is None or row.known_hidden[0] != asked:
        found = _hidden(row.arguments_value, sensitive_of(row), _carried_out_by(row))
        row.known_hidden = (asked, found)
    return row.known_hidden[1]


def _carried_out_by(row: Action | ActionVersion) -> ToolVersion | None:
    """The definition whose request the row has: the tool's, or what that declares to undo it."""
    action = row if isinstance(row, Action) else row.action
    version = row.tool_version
    return tools.as_undo(version) if version and action.undoes_id else version


def _said_anyway(version: ToolVersion, arguments: Any) -> Iterator[Any]:
    """What the tool says, whatever the hidden arguments are: its definition, and its request.

    No argument blanks out a part of the request that is not made of it.
    """
    yield [*_values(version.config), version.effect, version.affected]
    try:
        rendered = registry.connector(version.connector).render(
            version.config, version.operation, arguments
        )
    except Exception:  # masks are no arguments of the right kind for every connector
        return
    yield rendered
    if isinstance(body := rendered.get("body"), str):
        try:
            yield parsed(body)
        except (ValueError, RecursionError):
            return


def _values(config: Any) -> Iterator[Any]:
    """The values of a definition; its names are those of its fields, which no request says."""
    if isinstance(config, dict | list):
        for inner in config.values() if isinstance(config, dict) else config:
            yield from _values(inner)
    else:
        yield config


def _named(rows: Iterable[dict[str, Any]], hidden: Hidden) -> list[dict[str, Any]]:
    return [
        {name: hide(said, hidden, is_whole=name != "kind") for name, said in row.items()}
        for row in rows
    ]


def _target(text: str, hidden: Hidden, *, is_request: bool) -> str:
    method, _, url = text.partition(" ")
    if is_request and method in METHODS and "://" in url:
        return f"{method} {hide_url(url, hidden)}"
    kind, colon, id = text.partition(":")
    safe = hide_text(text, hidden)
    if colon and (safe.startswith(f"{kind}:") or id in hidden.clear):
        # The kind is the definition's, and what is said in the clear stays readable.
        return f"{kind}:{hide(id, hidden, is_whole=True)}"
    return safe


def _hidden_in_request(request: dict[str, Any], hidden: Hidden) -> dict[str, Any]:
    is_form = FORM in str(request.get("headers")).lower()
    return {
        name: _hidden_part("form" if name == "body" and is_form else name, part, hidden)
        for name, part in request.items()
    }


def _hidden_part(name: str, part: Any, hidden: Hidden) -> Any:
    if name in FIXED:
        return part
    if isinstance(part, str) and name in AS_TEXT:
        return AS_TEXT[name](part, hidden)
    # A bare number beside the parts is a bound of the definition, such as `max_rows`.
    return hide(part, hidden, is_whole=isinstance(part, dict | list))


def _masked_text(text: str, sensitive: list[str]) -> str:
    return _changed(text, lambda value: masked(value, sensitive)) or text


def _hidden_text(text: str, hidden: Hidden) -> str:
    found = _changed(text, lambda value: hide(value, hidden, is_whole=True))
    return hide_text(text, hidden) if found is None else found


def _changed(text: str, change: Callable[[Any], Any]) -> str | None:
    """JSON with the change made, byte for byte where it makes none; None of any other text."""
    try:
        value = parsed(text)
        safe = change(value)
        return text if safe == value else canonical(safe).decode()
    except (ValueError, RecursionError):
        # Not JSON, or none with one form: it is read as plain text.
        return None


# How the parts of a request are read that are text; any other is plain text.
AS_TEXT: dict[str, Callable[[str, Hidden], str]] = {
    "url": hide_url, "form": hide_form, "body": _hidden_text, "body_base64": hide_base64,
}  # fmt: skip
