"""Who is told of a waiting action: rows first, messages later, each once per version and person."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action, Delegation
from approvals.states import ActionStatus
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.prepared import Prepared
from gateway.lib.states import move_many
from gateway.notices.media import Medium, Occasion, risk_of
from gateway.notices.models import Browser, Chat, ChatIdentity, Notice, Preference
from gateway.notices.states import NoticeStatus
from gateway.notices.timing import Habits, departure
from gateway.tenants.models import Environment, Member, Tenant, User

# A service that is down for longer is on the delivery log; the desk shows the action anyway.
GIVE_UP_AFTER = timedelta(hours=24)
# Occasion, medium and member (none: a room) of what was filed for one version.
Known = set[tuple[str, str, UUID | None]]
_ANY = Prepared(
    lambda action: (
        Notice.objects.filter(action=action).exclude(occasion=Occasion.CLOSED).order_by()[:1]
    ),
    action=Action._meta.pk,
)


def follow(action: Action) -> None:
    """Tell who must decide the action now, and take back what asks for what is answered.

    May be repeated without harm: what is filed already stays as it is.
    """
    if action.status == ActionStatus.PENDING:
        _file(action)
    withdraw(action)


def withdraw(action: Action) -> None:
    """Keep back what has not left and asks for no open version, and close what stands in chats."""
    notices = Notice.objects.filter(action=action).exclude(occasion=Occasion.CLOSED)
    if action.status == ActionStatus.PENDING:
        notices = notices.exclude(action_version=action.version)
        is_any = notices.exists()
    else:
        is_any = bool(_ANY(action=action.pk))
    if not is_any:
        return
    move_many(
        notices, NoticeStatus.DUE, NoticeStatus.WITHDRAWN, due_at=None, reason="no_longer_open"
    )
    sent = notices.filter(status=NoticeStatus.SENT, closed_by=None).exclude(message="")
    _store([_closing(notice) for notice in sent])


def deadline() -> datetime:
    """Until when a notice that is filed now is tried."""
    return timezone.now() + GIVE_UP_AFTER


def live_chats(environment: Environment) -> QuerySet[Chat]:
    """The chats of the environment that are on."""
    return Chat.objects.within(environment).filter(is_enabled=True)


def zone_of(member: Member, tenant: Tenant) -> ZoneInfo:
    """The zone of the member's clock: their own, else the organisation's."""
    return ZoneInfo(member.user.time_zone or tenant.time_zone)


def habits_of(member: Member, preference: Preference | None, tenant: Tenant) -> Habits:
    """When a member wants to be told."""
    zone = zone_of(member, tenant)
    if preference is None:
        return Habits(zone)
    return Habits(zone, preference.quiet_from, preference.quiet_until, preference.digest)


def _file(action: Action) -> None:
    chats = list(live_chats(action.environment))
    if not chats and not settings.EMAIL_URL and not settings.PUSH_KEY:
        return
    known: Known = set(
        Notice.objects.filter(action=action, action_version=action.version).values_list(
            "occasion", "medium", "member_id"
        )
    )
    wanted = [*_for_rooms(action, chats, known), *_for_people(action, chats, known)]
    _store(wanted)


def _store(notices: list[Notice]) -> None:
    """Insert what nobody else inserted meanwhile, and ring for it."""
    if not notices:
        return
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    ring(JobName.DELIVER_NOTICES)


def _for_rooms(action: Action, chats: Iterable[Chat], known: Known) -> Iterator[Notice]:
    for chat in chats:
        if not chat.room or risk_of(action.risk) not in chat.risks:
            continue
        for occasion in _occasions(action, chat.kind, None, known):
            if occasion is not Occasion.ESCALATED:
                yield _notice(action, chat.kind, occasion, chat=chat, at=work.at_once())


def _for_people(action: Action, chats: list[Chat], known: Known) -> Iterator[Notice]:
    risk, now = risk_of(action.risk), work.at_once()
    members = list(_told(action))
    held = Preference.objects.within(action.environment).filter(member__in=members)
    preferences = {row.member_id: row for row in held}
    reachable, browsing = _reachable(chats, members), _browsing(action, members)
    for member in members:
        preference = preferences.get(member.pk)
        habits = habits_of(member, preference, action.environment.tenant)
        for medium in (preference or Preference()).media_for(risk):
            chat = reachable.get((member.pk, medium))
            ways = {Medium.EMAIL: bool(settings.EMAIL_URL), Medium.PUSH: member.pk in browsing}
            if not ways.get(Medium(medium), chat is not None):
                continue
            for occasion in _occasions(action, medium, member.pk, known):
                leaves = departure(
                    habits, risk, now=now,
                    may_gather=medium == Medium.EMAIL and occasion is Occasion.ASKED,
                )  # fmt: skip
                yield _notice(
                    action, medium, occasion, member=member, chat=chat, at=leaves.at,
                    is_gathered=leaves.is_gathered,
                )  # fmt: skip


def _reachable(chats: list[Chat], members: list[Member]) -> dict[tuple[object, str], Chat]:
    """Through which chat each member can be written to."""
    linked = ChatIdentity.objects.filter(chat__in=chats, member__in=members, unlinked_at=None)
    by_pk = {chat.pk: chat for chat in chats}
    return {
        (row.member_id, by_pk[row.chat_id].kind): by_pk[row.chat_id]
        for row in linked
    }  # fmt: skip


def _browsing(action: Action, members: list[Member]) -> set[UUID]:
    """Who of them has a browser that is told."""
    if not settings.PUSH_KEY:
        return set()
    rows = Browser.objects.within(action.environment).filter(member__in=members, removed_at=None)
    return set(rows.values_list("member_id", flat=True))


def _occasions(
    action: Action, medium: str, member: UUID | None, known: Known
) -> Iterator[Occasion]:
    """What one receiver has not been told of this version yet; what is new comes alone."""
    heard = {occasion for occasion, by, whom in known if (by, whom) == (medium, member)}
    if not heard & {Occasion.ASKED, Occasion.ESCALATED}:
        yield Occasion.ESCALATED if action.escalated_at and member else Occasion.ASKED
    elif action.reminded_at is not None and Occasion.REMINDED not in heard:
        yield Occasion.REMINDED


def _told(action: Action) -> Iterator[Member]:
    """Those who can decide it now, by their own right or as somebody's substitute."""
    voters = approvals.next_voters(action, approvals.progress(action))
    seen = {member.user_id for member in voters}
    yield from voters
    lent = Delegation.objects.within(action.environment).in_force()
    substitutes = User.objects.filter(pk__in=lent.values("substitute")).exclude(pk__in=seen)
    for user in substitutes:
        if is_for(action, user):
            yield from Member.objects.filter(
                tenant=action.environment.tenant, user=user
            ).select_related("user")


def is_for(action: Action, user: User) -> bool:
    """Whether the action waits for this person now, and they have not put it aside."""
    waiting = approvals.needs(user, action.environment)
    return waiting.filter(pk=action.pk, version=action.version).exists()


def _notice(
    action: Action,
    medium: str,
    occasion: Occasion,
    *,
    at: datetime,
    member: Member | None = None,
    chat: Chat | None = None,
    is_gathered: bool = False,
) -> Notice:
    return Notice(
        environment=action.environment, action=action, action_version=action.version,
        digest=action.digest, medium=medium, occasion=occasion, member=member, chat=chat,
        is_gathered=is_gathered, due_at=at, give_up_at=max(at, timezone.now()) + GIVE_UP_AFTER,
    )  # fmt: skip


def _closing(notice: Notice) -> Notice:
    """The change of a message that stands in a chat."""
    return Notice(
        environment=notice.environment, action=notice.action, digest=notice.digest,
        action_version=notice.action_version, medium=notice.medium, occasion=Occasion.CLOSED,
        member=notice.member, chat=notice.chat, closes=notice, due_at=work.at_once(),
        give_up_at=deadline(), place=notice.place, message=notice.message,
    )  # fmt: skip
