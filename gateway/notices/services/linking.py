"""Which member an account of a chat belongs to: proven by a code that the desk gave that member.

The code is signed and for one chat, is kept as a digest only, works once and for ten minutes. It is
entered in the chat by whoever is to be linked; nothing is concluded from names or addresses there.
"""

from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare, get_random_string

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Actor, Target
from gateway.lib.errors import Refused
from gateway.notices.chats.base import Press
from gateway.notices.models import Chat, ChatIdentity, LinkCode
from gateway.notices.services.choosing import member_of
from gateway.notices.wording import line
from gateway.tenants.models import Member
from gateway.tenants.models.access import digest_of
from gateway.tenants.principals import Principal

CODE_FOR = timedelta(minutes=10)
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
RANDOM_LENGTH, SIGNATURE_LENGTH = 12, 8
WRONG_CODE = "This code does not count (any more): get a new one on the desk, under Notifications."


@transaction.atomic
def make_code(chat: Chat, *, by: Principal) -> tuple[LinkCode, str]:
    """A code for this member; one of theirs that is still open counts no longer."""
    member = member_of(by)
    LinkCode.objects.filter(chat=chat, member=member, used_at=None).update(expires_at=Now())
    random = get_random_string(RANDOM_LENGTH, ALPHABET)
    text = f"{random}-{_signature(chat, random)}"
    code = LinkCode.objects.create(
        environment=chat.environment, chat=chat, member=member, digest=digest_of(text),
        expires_at=timezone.now() + CODE_FOR,
    )  # fmt: skip
    _record(AuditAction.CHAT_CODE_MADE, chat, member, by.actor)
    return code, text


@transaction.atomic
def redeem(chat: Chat, press: Press) -> ChatIdentity:
    """Link the account that entered a code. Raises Refused, without a word about why not."""
    text = press.text.strip().lower()
    random, _, signature = text.partition("-")
    if not press.account or not constant_time_compare(signature, _signature(chat, random)):
        raise Refused("wrong_code", WRONG_CODE)
    codes = LinkCode.objects.filter(chat=chat, digest=digest_of(text))
    code = codes.select_for_update(of=("self",)).select_related("member__user").first()
    if code is None or not code.is_open_at(timezone.now()) or not code.member.is_active:
        raise Refused("wrong_code", WRONG_CODE)
    LinkCode.objects.filter(pk=code.pk).update(used_at=Now())
    actor = Actor("person", code.member.user.public_id, auth=proof_of(chat, press))
    _unlink(ChatIdentity.objects.filter(chat=chat, member=code.member), actor)
    try:
        with transaction.atomic():
            made = ChatIdentity.objects.create(
                environment=chat.environment, chat=chat, member=code.member,
                workspace=press.workspace[:40], account=press.account[:40], name=line(press.name),
            )  # fmt: skip
    except IntegrityError as error:
        raise Refused(
            "account_taken", "This account is linked to another member, who has to unlink it first."
        ) from error
    _record(AuditAction.CHAT_LINKED, chat, code.member, actor)
    return made


def identity_of(chat: Chat, press: Press) -> ChatIdentity | None:
    """The link of the account that pressed; None where there is none."""
    rows = ChatIdentity.objects.filter(
        chat=chat, workspace=press.workspace, account=press.account, unlinked_at=None
    )
    return rows.select_related("member__user", "member__tenant").first() if press.account else None


@transaction.atomic
def unlink(identity: ChatIdentity, *, by: Principal) -> None:
    """End a member's own link. Raises Refused for somebody else's."""
    if identity.member_id != member_of(by).pk:
        raise Refused("not_yours", "Only the member whose account it is unlinks it.")
    _unlink(ChatIdentity.objects.filter(pk=identity.pk), by.actor)


def proof_of(chat: Chat, press: Press) -> str:
    """How an audit record says that somebody acted from a chat: its kind and the account's id."""
    where = f"{press.workspace}/" if press.workspace else ""
    return f"{chat.kind}:{where}{press.account}"[:100]


def _unlink(rows: object, actor: Actor) -> None:
    for row in rows.filter(unlinked_at=None).select_related("member__user", "chat__environment"):  # type: ignore[attr-defined]
        ChatIdentity.objects.filter(pk=row.pk).update(unlinked_at=Now())
        _record(AuditAction.CHAT_UNLINKED, row.chat, row.member, actor)


def _record(action: AuditAction, chat: Chat, member: Member, actor: Actor) -> None:
    audit.record(
        action, target=Target("member", member.public_id), scope=chat.environment.audit_scope,
        meta={"chat": chat.public_id, "kind": chat.kind}, actor=actor,
    )  # fmt: skip


def _signature(chat: Chat, random: str) -> str:
    """The second half of a code: for this chat alone."""
    full = signing.Signer(salt=f"countersign.link.{chat.pk}").signature(random)
    return digest_of(full)[:SIGNATURE_LENGTH]
