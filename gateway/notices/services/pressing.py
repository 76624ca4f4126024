"""Answers from chats: a verified press becomes the same vote as on the desk, or a word why not.

What arrives here was proven by the chat's signature and age. Everything else is judged here: whose
account it is, what they may, whether the message is about what the action is now. The vote itself
is cast by the service that the desk uses, under the digest that the message was made for.
"""

from dataclasses import replace

import structlog
from django.db.models.functions import Now

from approvals import services as approvals
from approvals.models import Action
from approvals.states import ActionStatus
from audit import context
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Denied, DomainError, Refused, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.notices.chats.base import QUIET, Did, Press, Reply, Says
from gateway.notices.media import TITLES, Medium, Occasion
from gateway.notices.models import Chat, ChatIdentity, Notice
from gateway.notices.services import linking
from gateway.notices.services.calling import call, side_of
from gateway.notices.services.saying import desk_only, matter_of
from gateway.notices.services.sending import NotSent
from gateway.tenants import services as tenants
from gateway.tenants.principals import Principal, of_user

log = structlog.get_logger(__name__)
# A chat waits three seconds for its answer; what is shown by a call of ours comes before it.
SHOW_WITHIN_S = 1.5
NOT_OURS = "This message cannot be answered here: open the desk."


def chat_at(address: str, kind: str) -> Chat | None:
    """The chat behind the address that its service sends presses to; None where there is none."""
    rows = Chat.objects.filter(address=address, kind=kind, is_enabled=True).exclude(sealed="")
    return rows.select_related("environment__tenant", "connection").first()


def press(chat: Chat, pressed: Press) -> Reply:
    """Do what a verified press asks for, where that may be; what the person is told.

    Raises nothing: whoever pressed gets a word, and a refusal leaves its audit record.
    """
    Chat.objects.filter(pk=chat.pk).update(heard_at=Now())
    if pressed.did is Did.HELLO:
        return Reply(Says.HELLO)
    if pressed.did is Did.NOTHING:
        return QUIET
    try:
        return _link(chat, pressed) if pressed.did is Did.CODE else _decide(chat, pressed)
    except DomainError as error:
        return Reply(Says.WRONG, error.detail)


def show(chat: Chat, reply: Reply, pressed: Press) -> None:
    """Show a reply by a call, where the HTTP answer cannot carry it; a failure is only logged."""
    wanted = side_of(chat).call_for(reply, pressed)
    if wanted is None:
        return
    try:
        call(chat, wanted, key=pressed.trigger or pressed.notice, deadline_s=SHOW_WITHIN_S)
    except NotSent as error:
        log.warning("reply_not_shown", chat=chat.public_id, reason=error.reason)


def _link(chat: Chat, pressed: Press) -> Reply:
    with unit_of_work(
        attempt=AuditAction.CHAT_REFUSED, target=Target("chat", chat.public_id),
        scope=chat.environment.audit_scope,
    ):  # fmt: skip
        identity = linking.redeem(chat, pressed)
    name = TITLES[Medium(chat.kind)]
    return Reply(Says.TELL, f"Your {name} account is linked to {identity.member}. Press again.")


def _decide(chat: Chat, pressed: Press) -> Reply:
    notice = _notice(chat, pressed)
    action = notice.action
    context.adopt(action.correlation_id)
    identity = linking.identity_of(chat, pressed)
    if identity is None:
        _refuse(action, Denied("not_linked", "Link your account first."), chat)
        return Reply(Says.ASK_CODE, _how_to_link(chat), notice.public_id)
    by = _principal(chat, identity, pressed)
    with context.bind(actor=by.actor, correlation_id=action.correlation_id):
        return _decided(chat, notice, by, pressed)


def _decided(chat: Chat, notice: Notice, by: Principal, pressed: Press) -> Reply:
    action = notice.action
    try:
        _check(chat, notice, by)
    except DomainError as error:
        _refuse(action, error, chat)
        raise
    if pressed.did is Did.ASK:
        return Reply(Says.ASK_SURE, matter_of(action).effect, notice.public_id)
    if pressed.did is Did.REJECT:
        return Reply(Says.ASK_REASON, effect_text(action), notice.public_id)
    if pressed.did is Did.REASON:
        done = approvals.reject(
            action=action, by=by, digest=notice.digest, reason=pressed.text
        )  # fmt: skip
        word = "Rejected" if done.status == ActionStatus.REJECTED else "Your no is counted"
    else:
        done = approvals.approve(action=action, by=by, digest=notice.digest)
        word = "Approved" if done.status == ActionStatus.APPROVED else "Your yes is counted"
    return Reply(Says.TELL, f"{word}: {action.tool_name}.")


def effect_text(action: Action) -> str:
    """What a form repeats above its question."""
    return matter_of(action).effect[:1000]


def _notice(chat: Chat, pressed: Press) -> Notice:
    """The message that the press is about, in this chat alone. Raises Refused."""
    rows = Notice.objects.within(chat.environment).public(pressed.notice)
    rows = rows.filter(medium=chat.kind).exclude(occasion=Occasion.CLOSED)
    notice = rows.select_related(
        "action__environment__tenant", "action__agent", "action__tool_version", "chat", "member"
    ).first()
    if notice is None or notice.chat_id != chat.pk:
        raise Refused("unknown_message", NOT_OURS)
    stands_at = (notice.place, notice.message)
    if pressed.message and (pressed.place, pressed.message) != stands_at:
        raise Refused("unknown_message", NOT_OURS)
    return notice


def _check(chat: Chat, notice: Notice, by: Principal) -> None:
    """Raises a DomainError unless this action may be decided here, as it was told."""
    action = notice.action
    whose = notice.member and notice.member.user_id
    if whose and (by.user is None or whose != by.user.pk):
        raise Denied("not_for_you", "This message is for somebody else.")
    if by.user is not None and tenants.is_owed(by.user):
        raise Denied(
            "second_factor_owed", "Set up your second factor on the desk first: it is asked of you."
        )
    if not chat.has_buttons:
        raise Denied("chat_decides_nothing", "Here nothing is decided any more: open the desk.")
    if action.version != notice.action_version or action.digest != notice.digest:
        raise StaleState("It changed since this message was written: look at it on the desk.")
    if why := desk_only(action):
        raise Denied("desk_only", why)
    approvals.may_decide(action, by)


def _principal(chat: Chat, identity: ChatIdentity, pressed: Press) -> Principal:
    """The member behind the account, with what their roles let them now."""
    assert identity.member.user is not None
    person = of_user(identity.member.user, chat.environment)
    return replace(person, via=linking.proof_of(chat, pressed))


def _refuse(action: Action, error: DomainError, chat: Chat) -> None:
    """Leave the record of a refused press."""
    try:
        with unit_of_work(
            attempt=AuditAction.CHAT_REFUSED, target=Target("action", action.public_id),
            scope=chat.environment.audit_scope, correlation_id=action.correlation_id,
        ):  # fmt: skip
            raise error
    except DomainError:
        return


def _how_to_link(chat: Chat) -> str:
    place = chat.environment
    return (
        f"This account is not linked to a member of {place.tenant.name}. On the desk, under "
        "Notifications, get a code and enter it here."
    )
