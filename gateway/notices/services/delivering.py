"""Delivering notices: claimed, looked at once more, sent, and tried again where that can help."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action
from approvals.states import ActionStatus
from audit import context
from gateway.lib import work
from gateway.lib.broker import JobName, ring_again
from gateway.lib.errors import StaleState
from gateway.lib.states import move
from gateway.notices.media import CHATS, Medium, Occasion
from gateway.notices.models import Notice
from gateway.notices.services import filing, mailing, posting, pushing
from gateway.notices.services.sending import NotSent, Sent
from gateway.notices.states import OPEN, NoticeStatus

log = structlog.get_logger(__name__)
LEASE_S = 60
AT_ONCE = 50
# One mail names at most so many actions; the rest come with the next.
MOST_GATHERED = 50
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 1800.0


@dataclass(frozen=True)
class Gone:
    """Why a notice has nobody to reach any more."""

    reason: str


def sweep() -> int:
    """Ring for what is due; how many rows that are."""
    due = work.due(_open()).count()
    if due:
        ring_again(JobName.DELIVER_NOTICES)
    return due


def deliver_due() -> int:
    """Deliver what is due now, a few dozen at once; how many were claimed."""
    claimed = 0
    pks = work.due(_open()).order_by("due_at").values_list("pk", flat=True)[:AT_ONCE]
    for pk in list(pks):
        notice = _claim(pk)
        if notice is not None:
            claimed += 1
            _deliver(notice)
    return claimed


def _open() -> work.models.QuerySet[Notice]:
    return Notice.objects.filter(status__in=sorted(OPEN))


def _claim(pk: UUID) -> Notice | None:
    """The notice, held and in `sending`; None where somebody else has it or it is over."""
    with transaction.atomic():
        if work.claim(_open(), pk, lease_s=LEASE_S) is None:
            return None
        notice = Notice.objects.select_related(
            "action__environment__tenant", "action__agent", "action__tool_version",
            "environment__tenant", "member__user", "chat__connection", "chat__environment",
        ).get(pk=pk)  # fmt: skip
        if notice.status == NoticeStatus.DUE:
            move(notice, NoticeStatus.SENDING)
        return notice


def _deliver(notice: Notice) -> None:
    """Deliver one claimed notice, whatever becomes of it: the next ones must not wait for it."""
    context.adopt(notice.action.correlation_id)
    try:
        _tried(notice)
    except StaleState:
        # It took longer than the lease: another worker has it now, and its word counts.
        log.warning("notice_lost", notice=notice.public_id)
    except Exception as error:  # a notice that cannot be made is given up like one not taken
        log.exception("notice_broken", notice=notice.public_id)
        _later_or_dead(notice, NotSent("broken", f"It could not be made: {type(error).__name__}."))


def _tried(notice: Notice) -> None:
    if (gone := _gone(notice)) is not None:
        _withdraw(notice, gone.reason)
        return
    if notice.is_gathered:
        _deliver_digest(notice)
        return
    try:
        sent = _send(notice)
    except NotSent as error:
        _later_or_dead(notice, error)
        return
    _sent(notice, sent)


def _send(notice: Notice) -> Sent:
    if notice.medium == Medium.EMAIL:
        return mailing.mail(notice)
    if notice.medium == Medium.PUSH:
        return pushing.push(notice)
    if notice.occasion == Occasion.CLOSED:
        return posting.close(notice)
    return posting.post(notice)


def _deliver_digest(first: Notice) -> None:
    """One mail for everything of low and medium risk that is due for the same person."""
    mates = work.due(_open()).filter(
        is_gathered=True, member=first.member, environment=first.environment
    )
    pks = list(mates.order_by("due_at").values_list("pk", flat=True)[: MOST_GATHERED - 1])
    notices = [first, *(mate for pk in pks if (mate := _claim(pk)) is not None)]
    left = []
    for notice in notices:
        gone = _gone(notice)
        if gone is None:
            left.append(notice)
        else:
            _withdraw(notice, gone.reason)
    try:
        sent = mailing.digest(left)
    except NotSent as error:
        for notice in left:
            _later_or_dead(notice, error)
        return
    for notice in left:
        _sent(notice, sent)


def _gone(notice: Notice) -> Gone | None:
    """Whether nobody is to be told any more, judged by the rows as they are now."""
    if notice.occasion == Occasion.CLOSED:
        return None if _is_reachable(notice) else Gone("chat_is_off")
    action = notice.action
    is_open = action.status == ActionStatus.PENDING and action.version == notice.action_version
    if not is_open or (action.decide_by is not None and action.decide_by <= timezone.now()):
        return Gone("no_longer_open")
    if notice.medium in CHATS and not _is_reachable(notice):
        return Gone("chat_is_off")
    if notice.member is not None and not filing.is_for(action, notice.member.user):
        return Gone("not_for_them")
    return None


def _is_reachable(notice: Notice) -> bool:
    return notice.chat is not None and notice.chat.is_enabled


def _withdraw(notice: Notice, reason: str) -> None:
    move(
        notice, NoticeStatus.WITHDRAWN, only_if=work.holds(notice), due_at=None, lease_until=None,
        reason=reason,
    )  # fmt: skip


def _sent(notice: Notice, sent: Sent) -> None:
    with transaction.atomic():
        move(
            notice, NoticeStatus.SENT, only_if=work.holds(notice), due_at=None, lease_until=None,
            sent_at=Now(), place=sent.place or notice.place, message=sent.message or notice.message,
            reason="", error="",
        )  # fmt: skip
    log.info("notice_sent", notice=notice.public_id, medium=notice.medium)
    if notice.chat_id and notice.occasion != Occasion.CLOSED:
        # It may have been decided while the message was on its way.
        filing.withdraw(Action.objects.get(pk=notice.action_id))


def _later_or_dead(notice: Notice, error: NotSent) -> None:
    log.warning("notice_not_sent", notice=notice.public_id, reason=error.reason)
    told = {"reason": error.reason[:60], "error": error.detail[:300], "lease_until": None}
    mine = work.holds(notice)
    if error.is_final or notice.give_up_at <= timezone.now():
        move(notice, NoticeStatus.DEAD, only_if=mine, due_at=None, **told)
        return
    wait_s = error.retry_after or work.backoff_s(
        notice.attempts, base_s=FIRST_WAIT_S, limit_s=LONGEST_WAIT_S
    )
    due_at = Now() + work.timedelta(seconds=wait_s)
    move(notice, NoticeStatus.DUE, only_if=mine, due_at=due_at, **told)
