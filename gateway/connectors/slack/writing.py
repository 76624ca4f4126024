"""What a message says to whom: Slack's markup made harmless, or shown for what it does (pure).

Slack reads `<!channel>`, `<@U…>` and `<https://a|b>` inside a text. By default a tool's texts are
plain: what an agent writes is shown letter for letter and calls nobody. A tool that allows markup
says so in its settings, and whatever the text then does stands in the preview.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.connectors.base import Affected
from gateway.connectors.rest import check_fields, listed
from gateway.tools.render import RenderError

PLAIN, MRKDWN = "plain", "mrkdwn"
MAX_BLOCKS = 50
MAX_TEXT = 4000
MAX_BLOCK_TEXT = 3000
_REFERENCE = re.compile(r"<([^<>\n]*)>")
_BROADCASTS = {
    "channel": "Everyone in the channel",
    "here": "Everyone active in the channel",
    "everyone": "Everyone in the workspace",
}

_TEXT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "text"],
    "properties": {
        "type": {"enum": ["plain_text", "mrkdwn"]},
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_BLOCK_TEXT},
    },
}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 10}
BLOCKS = {
    "type": "array",
    "maxItems": MAX_BLOCKS,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {
            "type": {"enum": ["header", "section", "context", "divider"]},
            "text": _TEXT,
            "fields": _TEXTS,
            "elements": _TEXTS,
        },
    },
}
_PARTS = {
    "header": frozenset({"text"}),
    "section": frozenset({"text", "fields"}),
    "context": frozenset({"elements"}),
    "divider": frozenset(),
}


def escaped(text: str) -> str:
    """The text as Slack shows it letter for letter."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def check_settings(config: Mapping[str, Any]) -> None:
    """Raises RenderError where `formatting` or `broadcasts` is not what it can be."""
    if config.get("formatting", PLAIN) not in (PLAIN, MRKDWN):
        raise RenderError("formatting", f"{PLAIN} or {MRKDWN}")
    if not isinstance(config.get("broadcasts", False), bool):
        raise RenderError("broadcasts", "true or false")


def written(text: str, blocks: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a message that hold text; raises RenderError for what may not be sent."""
    is_plain = config.get("formatting", PLAIN) == PLAIN
    body: dict[str, Any] = {"text": escaped(text) if is_plain else text, "mrkdwn": not is_plain}
    if blocks is not None:
        body["blocks"] = _checked(blocks, is_plain=is_plain)
    if not config.get("broadcasts", False) and (calls := _broadcasts(body)):
        raise RenderError("text", f"this tool may not call <!{calls[0]}>")
    return body


def effects(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Whom a rendered message calls, and which links hide behind other words."""
    found: dict[str, list[str]] = {"calls": [], "links": []}
    for inner in listed(_references(body)):
        target, bar, label = inner.partition("|")
        if target.startswith(("@", "!")):
            found["calls"].append(f"<{inner}>")
        elif not target.startswith("#") and bar and label.strip() != target:
            found["links"].append(f"{label} → {target}")
    return found


def called(body: Mapping[str, Any]) -> tuple[Affected, ...]:
    """Everyone a rendered message notifies by name or in general."""
    return tuple(
        affected for inner in listed(_references(body)) if (affected := _called(inner)) is not None
    )


def _called(inner: str) -> Affected | None:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return Affected("slack_user", target[1:], label)
    if target.startswith("!subteam^"):
        return Affected("slack_group", target.removeprefix("!subteam^"), label)
    if target.startswith("!") and target[1:] in _BROADCASTS:
        return Affected("slack_broadcast", target[1:], _BROADCASTS[target[1:]])
    return None


def _broadcasts(body: Mapping[str, Any]) -> list[str]:
    targets = (inner.partition("|")[0] for inner in _references(body))
    return [name[1:] for name in targets if name.startswith("!") and name[1:] in _BROADCASTS]


def _references(body: Mapping[str, Any]) -> Iterator[str]:
    for text in _marked_up(body):
        yield from _REFERENCE.findall(text)


def _marked_up(body: Mapping[str, Any]) -> Iterator[str]:
    """The texts in which Slack reads references; it reads them in `text` even without mrkdwn."""
    yield str(body.get("text", ""))
    for block in body.get("blocks", ()):
        for part in _texts(block):
            if part["type"] == MRKDWN:
                yield part["text"]


def _texts(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    one = [block["text"]] if "text" in block else []
    return [*one, *block.get("fields", ()), *block.get("elements", ())]


def _checked(blocks: Any, *, is_plain: bool) -> list[dict[str, Any]]:
    """The blocks, each of a kind that only shows text: buttons and inputs would do more."""
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        raise RenderError("blocks", f"a list of at most {MAX_BLOCKS} blocks is needed")
    for block in blocks:
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind not in _PARTS:
            raise RenderError("blocks", f"one of {', '.join(_PARTS)}")
        _check_block(block, kind, is_plain=is_plain)
    return [_shown_as_written(block) for block in blocks]


def _shown_as_written(value: Any) -> Any:
    """The block with `verbatim` in its marked up texts: Slack adds no mention or link by itself."""
    if isinstance(value, Mapping):
        inner = {key: _shown_as_written(part) for key, part in value.items()}
        return inner | {"verbatim": True} if inner.get("type") == MRKDWN else inner
    return [_shown_as_written(part) for part in value] if isinstance(value, list) else value


def _check_block(block: Mapping[str, Any], kind: str, *, is_plain: bool) -> None:
    try:
        check_fields(block, {"type", *_PARTS[kind]})
    except RenderError as error:
        raise RenderError("blocks", f"a {kind} has no {error.field}") from error
    for name in ("fields", "elements"):
        if not isinstance(block.get(name, []), list):
            raise RenderError("blocks", f"{name} is a list")
    texts = _texts(block)
    if kind != "divider" and not texts:
        raise RenderError("blocks", f"a {kind} needs text")
    for part in texts:
        _check_text(part)
        if part["type"] == MRKDWN and (is_plain or kind == "header"):
            raise RenderError("blocks", "plain_text is needed here: this tool's texts are plain")


def _check_text(part: Any) -> None:
    shape = isinstance(part, Mapping) and set(part) == {"type", "text"}
    if not shape or part["type"] not in ("plain_text", MRKDWN):
        raise RenderError("blocks", "a text is {type: plain_text or mrkdwn, text}")
    if not isinstance(part["text"], str) or not 0 < len(part["text"]) <= MAX_BLOCK_TEXT:
        raise RenderError("blocks", f"a text of 1 to {MAX_BLOCK_TEXT} characters is needed")
