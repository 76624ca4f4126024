"""Presses of buttons in chats: verified as a webhook is, then answered by `gateway.notices`.

A view of the web process, which alone can sign approvals. Nothing of a request is read before its
signature and age are proven over the exact bytes; what is refused is one answer for all.
"""

import json
import time
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from gateway.lib.sealing import CannotUnseal
from gateway.notices import services as notices
from gateway.notices.chats import discord, slack
from gateway.notices.chats.base import Unreadable
from gateway.notices.models import Chat
from webhooks.schemes.base import Request
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import BadSecret, key_of
from webhooks.schemes.verifier import verify

log = structlog.get_logger(__name__)
SIDES: dict[str, Any] = {"slack": slack, "discord": discord}
# Slack's largest form is far below this.
MAX_BODY_BYTES = 128 * 1024
REFUSED = '{"error":"invalid_signature"}'


@csrf_exempt
@require_POST
def receive_press(request: HttpRequest, kind: str, address: str) -> HttpResponse:
    """One press, proven by the chat's own signature; the answer is what the chat shows."""
    chat = notices.chat_at(address, kind)
    try:
        _check_size(request)
        body = request.body
        _verify(chat, request, body)
    except Unverified as error:
        log.warning("press_refused", kind=kind, reason=str(error.reason))
        return HttpResponse(REFUSED, status=401, content_type="application/json")
    assert chat is not None
    side = SIDES[kind]
    try:
        pressed = side.read(body)
    except Unreadable:
        return HttpResponse('{"error":"unreadable"}', status=400, content_type="application/json")
    reply = notices.press(chat, pressed)
    notices.show(chat, reply, pressed)
    answer = side.body_for(reply, pressed)
    text = "" if answer is None else json.dumps(answer)
    return HttpResponse(text, content_type="application/json")


def _check_size(request: HttpRequest) -> None:
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise Unverified(Reason.TOO_LARGE)


def _verify(chat: Chat | None, request: HttpRequest, body: bytes) -> None:
    """Raises Unverified unless the chat signed exactly these bytes, a moment ago."""
    if chat is None:
        raise Unverified(Reason.UNKNOWN_SOURCE)
    how = SCHEMES[chat.kind]
    try:
        key = key_of(how, notices.signing_text(chat))
    except (CannotUnseal, BadSecret) as error:
        raise Unverified(Reason.NO_SECRET) from error
    headers = [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]
    verify(how, [key], Request(headers, body, time.time()))
