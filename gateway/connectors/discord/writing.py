"""What a message says to whom: Discord's markup made harmless, or shown for what it does (pure).

By default a tool's texts are plain: marks are escaped, so a text is shown letter for letter, and
nobody is notified. A tool may allow markup (`formatting`) and notifying (`mentions`); what a text
then does stands in the preview.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.connectors.base import Affected
from gateway.connectors.discord.operations import MAX_CONTENT, MENTIONS
from gateway.connectors.rest import listed, text_of
from gateway.tools.render import RenderError

PLAIN, MARKDOWN = "plain", "markdown"
# Discord would show what a text links to beside what was approved.
SUPPRESS_EMBEDS = 4
_URL = re.compile(r"(https?://[^\s<>()\[\]*|`\\]+)")
_INLINE = re.compile(r"[\\`*_~|\[\]<]")
_AT_LINE_START = re.compile(r"^(\s*)([#>+-])", re.MULTILINE)
_NUMBERED = re.compile(r"^(\s*\d+)\.", re.MULTILINE)
_LINK = re.compile(r"\[([^\]\n]*)\]\(\s*<?(\S+?)>?(?:\s+[^)]*)?\)")
_USER = re.compile(r"<@!?([0-9]{15,20})>")
_ROLE = re.compile(r"<@&([0-9]{15,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


def escaped(text: str) -> str:
    """The text as Discord shows it letter for letter; addresses stay as they are."""
    # Every second piece is an address.
    pieces = [
        piece if i % 2 else _INLINE.sub(r"\\\g<0>", piece)
        for i, piece in enumerate(_URL.split(text))
    ]
    lines = _AT_LINE_START.sub(r"\1\\\2", "".join(pieces))
    return _NUMBERED.sub(r"\1\\.", lines)


def check_settings(config: Mapping[str, Any]) -> None:
    """Raises RenderError where `formatting` or `mentions` is not what it can be."""
    if config.get("formatting", PLAIN) not in (PLAIN, MARKDOWN):
        raise RenderError("formatting", f"{PLAIN} or {MARKDOWN}")
    _names(config.get("mentions", []), MENTIONS)


def written(config: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a message that hold text, and whom it may notify."""
    text = text_of(arguments, "content", longest=MAX_CONTENT)
    if config.get("formatting", PLAIN) == PLAIN:
        text = escaped(text)
    if len(text) > MAX_CONTENT:
        raise RenderError("content", f"escaped, the text is longer than {MAX_CONTENT} characters")
    mentions = _names(arguments.get("mentions") or [], config.get("mentions", []))
    return {
        "content": text,
        "allowed_mentions": {"parse": mentions, "replied_user": False},
        "flags": SUPPRESS_EMBEDS,
    }


def effects(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Whom a rendered message notifies, and which links hide behind other words."""
    return {
        "notifies": [f"{item.kind.removeprefix('discord_')} {item.id}" for item in notified(body)],
        "links": list(listed(_links(body["content"]))),
    }


def notified(body: Mapping[str, Any]) -> tuple[Affected, ...]:
    """Everyone whom the text mentions and who may be notified."""
    text, allowed = body["content"], body["allowed_mentions"]["parse"]
    found: list[Affected] = []
    if "everyone" in allowed:
        words = {"everyone": "Everyone in the channel", "here": "Everyone online in the channel"}
        found += [Affected("discord_all", m[1], words[m[1]]) for m in _EVERYONE.finditer(text)]
    if "roles" in allowed:
        found += [Affected("discord_role", m[1]) for m in _ROLE.finditer(text)]
    if "users" in allowed:
        found += [Affected("discord_user", m[1]) for m in _USER.finditer(text)]
    return tuple(dict.fromkeys(found))


def _links(text: str) -> Iterator[str]:
    unescaped = re.sub(r"\\\[", "", text)
    for label, target in _LINK.findall(unescaped):
        if label.strip() != target:
            yield f"{label} → {target}"


def _names(value: Any, known: Any) -> list[str]:
    """The kinds of mentions, sorted; raises RenderError for one that is not known or allowed."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RenderError("mentions", f"a list of {', '.join(MENTIONS)} is needed")
    if unknown := sorted(set(value) - set(known)):
        raise RenderError("mentions", f"this tool may not notify {', '.join(unknown)}")
    return sorted(set(value))
