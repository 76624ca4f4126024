"""What a change sets off, who is told of it where, and what people answer there."""

from gateway.notices.services.announcing import announce
from gateway.notices.services.choosing import choose, preference_of
from gateway.notices.services.configuring import CHANGE, chats_of, set_up, signing_text
from gateway.notices.services.delivering import deliver_due, sweep
from gateway.notices.services.filing import live_chats
from gateway.notices.services.linking import make_code, unlink
from gateway.notices.services.pressing import chat_at, press, show
from gateway.notices.services.pushing import (
    add_browser,
    browsers_of,
    key_for_browsers,
    remove_browser,
)
from gateway.notices.services.trying import try_chat

__all__ = [
    "CHANGE",
    "add_browser",
    "announce",
    "browsers_of",
    "chat_at",
    "chats_of",
    "choose",
    "deliver_due",
    "key_for_browsers",
    "live_chats",
    "make_code",
    "preference_of",
    "press",
    "remove_browser",
    "set_up",
    "show",
    "signing_text",
    "sweep",
    "try_chat",
    "unlink",
]
