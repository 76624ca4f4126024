"""Notices in chats: posted where people read, and given their last form once answered."""

from approvals.models import Action
from gateway.notices.media import Occasion
from gateway.notices.models import Chat, ChatIdentity, Notice
from gateway.notices.services.calling import call, side_of
from gateway.notices.services.mailing import LEADS
from gateway.notices.services.saying import desk_only, matter_of, outcome_of
from gateway.notices.services.sending import NotSent, Sent


def post(notice: Notice) -> Sent:
    """Post the message that asks. Raises NotSent."""
    chat, action = _chat(notice), notice.action
    side = side_of(chat)
    body = side.message(
        matter_of(action), notice.public_id, has_buttons=may_answer(chat, action),
        lead=LEADS.get(Occasion(notice.occasion), ""),
    )  # fmt: skip
    wanted = side.to_post(_place(notice, chat), body, nonce=notice.public_id)
    place, message = side.posted(call(chat, wanted, key=notice.public_id))
    return Sent(place, message)


def close(notice: Notice) -> Sent:
    """Change a message to what became of its action. Raises NotSent."""
    chat, action = _chat(notice), notice.action
    side = side_of(chat)
    body = side.closed(matter_of(action), outcome_of(action, notice.action_version))
    call(chat, side.to_change(notice.place, notice.message, body), key=notice.public_id)
    return Sent()


def may_answer(chat: Chat, action: Action) -> bool:
    """Whether the message has buttons that decide."""
    return chat.has_buttons and bool(chat.sealed) and not desk_only(action)


def _chat(notice: Notice) -> Chat:
    assert notice.chat is not None
    return notice.chat


def _place(notice: Notice, chat: Chat) -> str:
    """The room, or where the one person is written to."""
    if notice.is_for_room:
        return chat.room
    linked = ChatIdentity.objects.filter(chat=chat, member=notice.member, unlinked_at=None).first()
    if linked is None:
        raise NotSent("not_linked", "The account was unlinked meanwhile.", is_final=True)
    reach = side_of(chat).to_reach(linked.account)
    if reach is None:
        return linked.account
    opened = call(chat, reach, key=notice.public_id)
    return str((opened or {}).get("id", ""))
