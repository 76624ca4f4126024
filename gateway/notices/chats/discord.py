"""Discord's side: messages with components, presses as signed interactions (pure).

Every text is escaped, nobody is notified by a mention, nothing is embedded. Shapes of messages: as
the connector's; of components and interactions: Discord's documentation, from memory.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from gateway.connectors.discord.writing import SUPPRESS_EMBEDS, escaped
from gateway.lib.strictjson import Ambiguous, parse
from gateway.notices.chats.base import (
    CODE_LENGTH,
    MAX_REASON,
    Call,
    Did,
    Press,
    Reply,
    Says,
    Unreadable,
)
from gateway.notices.wording import Matter, cut

PING, COMPONENT, MODAL = 1, 3, 5
PONG, MESSAGE, UPDATE, LATER_UPDATE, FORM = 1, 4, 7, 6, 9
ROW, BUTTON, INPUT = 1, 2, 4
PRIMARY, GREEN, RED, LINK = 1, 3, 4, 5
ONLY_THEM = 1 << 6
MAX_NONCE, MAX_CONTENT = 25, 2000
_BUTTONS = {"ask": Did.ASK, "approve": Did.APPROVE, "reject": Did.REJECT}
_FORMS = {"reason": Did.REASON, "code": Did.CODE}
_QUESTIONS = {
    Says.ASK_REASON: ("reason", "Reject", "Why? The agent gets this as its answer.", 1, MAX_REASON),
    Says.ASK_CODE: ("code", "Link your account", "The code that the desk shows", 8, CODE_LENGTH),
}  # fmt: skip


def message(matter: Matter, notice: str, *, has_buttons: bool, lead: str = "") -> dict[str, Any]:
    """The message that asks; `lead` is a line before the title, such as that it is a reminder."""
    title = f"{lead} {matter.title}".strip()
    buttons = [_link(matter.url)]
    if has_buttons:
        buttons += [
            _button(GREEN, "Approve…", f"ask:{notice}"), _button(RED, "Reject…", f"reject:{notice}")
        ]  # fmt: skip
    return _message(_lines(title, matter), buttons)


def closed(matter: Matter, outcome: str) -> dict[str, Any]:
    """The same message once it is answered: what became of it, and no button but the link."""
    title = f"{matter.risk.capitalize()} risk: {matter.tool}"
    first, *rest = _lines(title, matter)
    return _message([first, f"**{escaped(outcome)}**", *rest], [_link(matter.url)])


def word(text: str) -> dict[str, Any]:
    """A message that only says something."""
    return _message([escaped(text)], [])


def to_post(place: str, body: Mapping[str, Any], *, nonce: str) -> Call:
    """Posting a message; Discord takes one nonce once, for some minutes."""
    short = hashlib.sha256(nonce.encode()).hexdigest()[:MAX_NONCE]
    sent = {**body, "nonce": short, "enforce_nonce": True}
    return Call("POST", f"channels/{place}/messages", sent)


def to_change(place: str, message_id: str, body: Mapping[str, Any]) -> Call:
    """Changing a message of ours."""
    return Call("PATCH", f"channels/{place}/messages/{message_id}", body)


def to_reach(account: str) -> Call | None:
    """Opening the place in which a person is written to."""
    return Call("POST", "users/@me/channels", {"recipient_id": account})


def posted(answer: Any) -> tuple[str, str]:
    """Where a message went, and its name there."""
    found = answer if isinstance(answer, Mapping) else {}
    return str(found.get("channel_id") or "")[:40], str(found.get("id") or "")[:40]


def read(body: bytes) -> Press:
    """A signed request as a press; raises Unreadable."""
    try:
        payload = parse(body)
    except Ambiguous as error:
        raise Unreadable("one JSON document is needed") from error
    if not isinstance(payload, Mapping):
        raise Unreadable("the document is no object")
    kind, data = payload.get("type"), _object(payload, "data")
    if kind == PING:
        return Press(Did.HELLO)
    user = _object(_object(payload, "member"), "user") or _object(payload, "user")
    # An account is one in all of Discord, so it needs no workspace beside it.
    who = {
        "account": _text(user, "id"), "name": _text(user, "username"),
        "trigger": _text(payload, "token"),
    }  # fmt: skip
    did, _, notice = _text(data, "custom_id").partition(":")
    if kind == COMPONENT and did in _BUTTONS:
        at = _object(payload, "message")
        flags = at.get("flags")
        is_theirs = isinstance(flags, int) and bool(flags & ONLY_THEM)
        where = ("", "") if is_theirs else (_text(payload, "channel_id"), _text(at, "id"))
        return Press(_BUTTONS[did], notice=notice, place=where[0], message=where[1], **who)
    if kind == MODAL and did in _FORMS:
        return Press(_FORMS[did], notice=notice, text=_entered(data), **who)
    return Press(Did.NOTHING)


def body_for(reply: Reply, press: Press) -> dict[str, Any] | None:
    """What the HTTP answer holds: Discord shows it."""
    if reply.says is Says.HELLO:
        return {"type": PONG}
    if reply.says in _QUESTIONS:
        return {"type": FORM, "data": _form(*_QUESTIONS[reply.says], notice=reply.notice)}
    if reply.says is Says.ASK_SURE:
        buttons = [_button(GREEN, "Yes, approve", f"approve:{reply.notice}")]
        return {"type": MESSAGE, "data": _message([escaped(reply.text)], buttons) | _theirs()}
    if reply.says in (Says.TELL, Says.WRONG):
        kind = UPDATE if press.did is Did.APPROVE and not press.message else MESSAGE
        return {"type": kind, "data": _message([escaped(reply.text)], []) | _theirs()}
    return {"type": LATER_UPDATE}


def call_for(_reply: Reply, _press: Press) -> Call | None:
    """Nothing: the HTTP answer shows everything."""
    return None


def _theirs() -> dict[str, Any]:
    return {"flags": ONLY_THEM | SUPPRESS_EMBEDS}


def _lines(title: str, matter: Matter) -> list[str]:
    facts = [f"Tool {matter.tool}", f"asked by {matter.agent}", matter.place]
    facts += [f"until {matter.deadline}"] if matter.deadline else []
    whom = [escaped(f"Affected: {matter.whom}")] if matter.whom else []
    return [f"**{escaped(title)}**", escaped(cut(matter.effect)), *whom, escaped(" · ".join(facts))]


def _message(lines: list[str], buttons: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "content": "\n".join(lines)[:MAX_CONTENT],
        "components": [{"type": ROW, "components": buttons}] if buttons else [],
        "allowed_mentions": {"parse": []},
        "flags": SUPPRESS_EMBEDS,
    }


def _button(style: int, label: str, name: str) -> dict[str, Any]:
    return {"type": BUTTON, "style": style, "label": label, "custom_id": name}


def _link(url: str) -> dict[str, Any]:
    return {"type": BUTTON, "style": LINK, "label": "Open", "url": url}


def _form(
    block: str, title: str, label: str, shortest: int, longest: int, *, notice: str
) -> dict[str, Any]:
    field = {
        "type": INPUT, "custom_id": "text", "label": label, "style": 2 if block == "reason" else 1,
        "min_length": shortest, "max_length": longest, "required": True,
    }  # fmt: skip
    rows = [{"type": ROW, "components": [field]}]
    return {"custom_id": f"{block}:{notice}", "title": title, "components": rows}


def _entered(data: Mapping[str, Any]) -> str:
    rows = data.get("components")
    for row in rows if isinstance(rows, list) else ():
        inner = row.get("components") if isinstance(row, Mapping) else None
        for field in inner if isinstance(inner, list) else ():
            if isinstance(field, Mapping) and isinstance(field.get("value"), str):
                return str(field["value"])
    return ""


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found[:200] if isinstance(found, str) else ""
