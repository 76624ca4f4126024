"""Writing a word into a chat's channel, so that an administrator sees whether it arrives."""

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import ids
from gateway.lib.errors import Denied, Refused
from gateway.notices.models import Chat
from gateway.notices.services.calling import call, side_of
from gateway.notices.services.configuring import CHANGE
from gateway.notices.services.sending import NotSent
from gateway.tenants.principals import Principal

HELLO = "Countersign can write here."
# A person waits for it.
WITHIN_S = 8.0


def try_chat(chat: Chat, *, by: Principal) -> None:
    """Post a word in the channel. Raises Denied, or Refused with what the service said."""
    if not by.has(CHANGE):
        raise Denied("not_permitted", "Only an administrator tries chats.")
    if not chat.room:
        raise Refused("room_missing", "There is no channel to write to: name one first.")
    side, nonce = side_of(chat), ids.encode("try", ids.new_id())
    reason = ""
    try:
        call(chat, side.to_post(chat.room, side.word(HELLO), nonce=nonce), key=nonce,
             deadline_s=WITHIN_S)  # fmt: skip
    except NotSent as error:
        reason = error.reason
        raise Refused("not_taken", error.detail) from error
    finally:
        _record(chat, reason)


@transaction.atomic
def _record(chat: Chat, reason: str) -> None:
    audit.record(
        AuditAction.CHAT_TRIED, target=Target("chat", chat.public_id), reason=reason[:60],
        scope=chat.environment.audit_scope, meta={"kind": chat.kind},
    )  # fmt: skip
