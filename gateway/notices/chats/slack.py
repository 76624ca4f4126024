"""Slack's side: messages as blocks, presses as signed forms, questions as modals (pure).

Texts are `plain_text` wherever somebody else wrote them, so that Slack reads no markup in them.
Shapes: Slack's documentation of Block Kit and of interaction payloads, from memory; checked against
the models of slack-sdk (PyPI) in `tests/gateway/notices/chats/test_slack.py`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from gateway.connectors.slack.writing import escaped
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

OPEN, APPROVE, REJECT = "open", "approve", "reject"
MAX_HEADER = 150
MAX_CONFIRM = 300
_BUTTONS = {APPROVE: Did.APPROVE, REJECT: Did.REJECT}
_FORMS = {"reason": Did.REASON, "code": Did.CODE}
_QUESTIONS = {
    Says.ASK_REASON: (
        "reason", "Reject", "Why? The agent gets this as its answer.", 1, MAX_REASON
    ),
    Says.ASK_CODE: ("code", "Link your account", "The code that the desk shows", 8, CODE_LENGTH),
}  # fmt: skip


def message(matter: Matter, notice: str, *, has_buttons: bool, lead: str = "") -> dict[str, Any]:
    """The message that asks; `lead` is a line before the title, such as that it is a reminder."""
    title = f"{lead} {matter.title}".strip()
    blocks = [_header(title), *_body(matter), _actions(matter, notice, has_buttons=has_buttons)]
    return _message(title, blocks)


def closed(matter: Matter, outcome: str) -> dict[str, Any]:
    """The same message once it is answered: what became of it, and no button but the link."""
    title = f"{matter.risk.capitalize()} risk: {matter.tool}"
    buttons = _actions(matter, "", has_buttons=False)
    return _message(
        f"{title}: {outcome}", [_header(title), *_body(matter), _section(outcome), buttons]
    )


def word(text: str) -> dict[str, Any]:
    """A message that only says something."""
    return _message(text, [_section(text)])


def to_post(place: str, body: Mapping[str, Any], *, nonce: str) -> Call:
    """Posting a message in a channel, or to an account."""
    marked = {"event_type": "countersign_notice", "event_payload": {"notice": nonce}}
    return Call("POST", "chat.postMessage", {"channel": place, **body, "metadata": marked})


def to_change(place: str, message_id: str, body: Mapping[str, Any]) -> Call:
    """Changing a message of ours."""
    kept = {name: body[name] for name in ("text", "blocks")}
    return Call("POST", "chat.update", {"channel": place, "ts": message_id, **kept})


def to_reach(_account: str) -> Call | None:
    """Nothing has to be opened before a person can be written to: their id is a place."""
    return None


def posted(answer: Any) -> tuple[str, str]:
    """Where a message went, and its name there."""
    found = answer if isinstance(answer, Mapping) else {}
    return str(found.get("channel") or "")[:40], str(found.get("ts") or "")[:40]


def read(body: bytes) -> Press:
    """A signed request as a press; raises Unreadable."""
    try:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10)
        payload = parse(form["payload"][0])
    except (ValueError, KeyError, Ambiguous) as error:
        raise Unreadable("a form with one JSON payload is needed") from error
    if not isinstance(payload, Mapping):
        raise Unreadable("the payload is no object")
    user, team = _object(payload, "user"), _object(payload, "team")
    who = {
        "account": _text(user, "id"),
        "workspace": _text(user, "team_id") or _text(team, "id"),
        "name": _text(user, "username") or _text(user, "name"),
        "trigger": _text(payload, "trigger_id"),
    }
    if payload.get("type") == "block_actions":
        return _pressed(payload, who)
    if payload.get("type") == "view_submission":
        return _sent(_object(payload, "view"), who)
    return Press(Did.NOTHING)


def body_for(reply: Reply, press: Press) -> dict[str, Any] | None:
    """What the HTTP answer holds; None where Slack wants an empty one."""
    if press.did not in (Did.REASON, Did.CODE):
        return None
    block = press.did.value
    if reply.says is Says.WRONG:
        return {"response_action": "errors", "errors": {block: reply.text[:MAX_HEADER]}}
    if reply.says is Says.TELL:
        view = {"type": "modal", "title": _plain("Countersign"), "blocks": [_section(reply.text)]}
        return {"response_action": "update", "view": view}
    return {"response_action": "clear"}


def call_for(reply: Reply, press: Press) -> Call | None:
    """The call that shows the reply, where the HTTP answer cannot."""
    if press.did in (Did.REASON, Did.CODE):
        return None
    if reply.says in _QUESTIONS:
        view = _modal(*_QUESTIONS[reply.says], notice=reply.notice, text=reply.text)
        return Call("POST", "views.open", {"trigger_id": press.trigger, "view": view})
    if reply.says in (Says.TELL, Says.WRONG):
        told = {"channel": press.place, "user": press.account, "text": escaped(reply.text)}
        return Call("POST", "chat.postEphemeral", told)
    return None


def _message(text: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    # Slack would fetch what a text links to, and show it beside what is to be decided.
    return {
        "text": escaped(text), "blocks": blocks, "unfurl_links": False, "unfurl_media": False,
    }  # fmt: skip


def _body(matter: Matter) -> list[dict[str, Any]]:
    facts = [f"Tool {matter.tool}", f"asked by {matter.agent}", matter.place]
    facts += [f"until {matter.deadline}"] if matter.deadline else []
    rows = [_section(cut(matter.effect))]
    if matter.whom:
        rows.append(_section(f"Affected: {matter.whom}"))
    return [*rows, {"type": "context", "elements": [_plain(" · ".join(facts))]}]


def _actions(matter: Matter, notice: str, *, has_buttons: bool) -> dict[str, Any]:
    buttons: list[dict[str, Any]] = [
        {"type": "button", "action_id": OPEN, "text": _plain("Open"), "url": matter.url}
    ]
    if has_buttons:
        sure = {
            "title": _plain("Approve this?"), "text": _plain(matter.effect[:MAX_CONFIRM]),
            "confirm": _plain("Approve"), "deny": _plain("Not now"),
        }  # fmt: skip
        buttons += [
            {
                "type": "button", "action_id": APPROVE, "text": _plain("Approve"),
                "style": "primary", "value": notice, "confirm": sure,
            },
            {
                "type": "button", "action_id": REJECT, "text": _plain("Reject…"),
                "style": "danger", "value": notice,
            },
        ]  # fmt: skip
    return {"type": "actions", "elements": buttons}


def _modal(
    block: str, title: str, label: str, shortest: int, longest: int, *, notice: str, text: str
) -> dict[str, Any]:
    field = {
        "type": "plain_text_input", "action_id": "text", "multiline": block == "reason",
        "min_length": shortest, "max_length": longest,
    }  # fmt: skip
    asked = {"type": "input", "block_id": block, "label": _plain(label), "element": field}
    return {
        "type": "modal", "callback_id": block, "private_metadata": notice,
        "title": _plain(title), "submit": _plain("Send"), "close": _plain("Cancel"),
        "blocks": [*([_section(text)] if text else []), asked],
    }  # fmt: skip


def _pressed(payload: Mapping[str, Any], who: dict[str, str]) -> Press:
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and len(actions) == 1 else None
    if not isinstance(first, Mapping) or first.get("action_id") not in _BUTTONS:
        return Press(Did.NOTHING)
    at = _object(payload, "container")
    return Press(
        _BUTTONS[first["action_id"]], notice=_text(first, "value"),
        place=_text(at, "channel_id"), message=_text(at, "message_ts"), **who,
    )  # fmt: skip


def _sent(view: Mapping[str, Any], who: dict[str, str]) -> Press:
    block = view.get("callback_id")
    if block not in _FORMS:
        return Press(Did.NOTHING)
    values = _object(_object(view, "state"), "values")
    entered = _object(_object(values, str(block)), "text").get("value")
    text = entered if isinstance(entered, str) else ""
    return Press(_FORMS[str(block)], notice=_text(view, "private_metadata"), text=text, **who)


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found[:200] if isinstance(found, str) else ""


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain(text[:MAX_HEADER])}
