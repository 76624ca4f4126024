"""What waits for one person: a query that finds what `reading.may_decide` would let them decide."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from approvals.models import Action, ActionVersion, Approval, Snooze
from approvals.quorum import PersonFacts
from approvals.services import reading
from approvals.services.people import active_member, is_decider, person_facts
from approvals.services.substituting import StandIn, stand_ins
from approvals.states import ActionStatus
from gateway.agents.models import Agent
from gateway.lib.errors import Denied
from gateway.tenants.models import Environment, User


def waiting_for(user: User, environment: Environment) -> QuerySet[Action]:
    """The pending actions that this person may decide now and has not voted on.

    By their own right or as somebody's substitute; what they put aside is among them. The number
    of queries does not depend on the number of actions, but for those with stages.
    """
    none: QuerySet[Action] = Action.objects.none()
    member = active_member(user, environment)
    if member is None or not is_decider(member, environment):
        return none
    person = person_facts(member, environment)
    lent = list(stand_ins(user, environment))
    open_: QuerySet[Action] = Action.objects.within(environment).pending()
    open_ = open_.exclude(_cast_by(user)).exclude(_behind(user))
    mine = _names(person)
    for one in lent:
        mine |= _names(one.lent) & _free(one)
    # In no order: in that of the ids another index than the one made for this would be taken.
    staged = open_.filter(routes="").order_by().select_related(*_NEEDED)
    if turns := [row.pk for row in staged if _is_turn(row, person, lent)]:
        mine |= Q(pk__in=turns)
    return open_.filter(mine)


def needs(user: User, environment: Environment) -> QuerySet[Action]:
    """What waits for this person and they have not put aside."""
    return not_aside(waiting_for(user, environment), user)


def on_others(user: User, environment: Environment) -> QuerySet[Action]:
    """What this person has agreed to, by hand or by a substitute, and others still have to."""
    votes = Approval.objects.filter(
        Q(user=user) | Q(on_behalf_of=user),
        void_at=None,
        action__environment=environment,
        action__status=ActionStatus.PENDING,
        action_version=F("action__version"),
    )
    open_: QuerySet[Action] = Action.objects.within(environment).pending()
    # From the few votes of the person, so that nobody looks at each of the many actions.
    return open_.filter(pk__in=votes.values("action_id"))


def put_aside(user: User, environment: Environment) -> QuerySet[Action]:
    """What waits for this person and they have put aside, for now."""
    return aside(waiting_for(user, environment), user)


def not_aside(waiting: QuerySet[Action], user: User) -> QuerySet[Action]:
    """What of this the person has not put aside."""
    return waiting.exclude(pk__in=snoozed(user))


def aside(waiting: QuerySet[Action], user: User) -> QuerySet[Action]:
    """What of this the person has put aside."""
    return waiting.filter(pk__in=snoozed(user))


def snoozed(user: User) -> QuerySet[Any, Any]:
    """What the person has put aside, wherever it is.

    From the few rows of the person, so that nobody looks at each of the many actions.
    """
    aside = Snooze.objects.filter(user=user, row_version=F("action__row_version"))
    return aside.filter(Q(until__isnull=True) | Q(until__gt=Now())).values("action_id")


_NEEDED = ("agent__owner__user", "environment__tenant")


def _names(person: PersonFacts) -> Q:
    found = Q(pk__in=[])
    for name in person.names:
        found |= Q(routes__contains=f"|{name}|")
    return found


def _free(one: StandIn) -> Q:
    """Whether the delegator could decide, and has no voice in it yet."""
    delegator = one.delegation.delegator
    return ~Q(_cast_by(delegator)) & ~_behind(delegator)


def _cast_by(user: User) -> Exists:
    """Whether the person has a vote on the present version, by hand or by a substitute."""
    votes = Approval.objects.filter(
        action=OuterRef("pk"), action_version=OuterRef("version"), void_at=None
    )
    return Exists(votes.filter(Q(user=user) | Q(on_behalf_of=user)))


def _behind(user: User) -> Q:
    """Whether four eyes exclude the person: see `quorum.may_decide`, which has the last word."""
    # By the person, who has few, and not by the environment: whoever asks has narrowed to that.
    waiting: QuerySet[Action] = Action.objects.pending().order_by()
    started = waiting.filter(run_starter_id=user.pk, requirement__exclude_run_starter=True)
    ordered = waiting.exclude(ordered_by="").filter(ordered_by__contains=f"|{user.public_id}|")
    edited = ActionVersion.objects.filter(
        made_by=user,
        origin=ActionVersion.Origin.EDITED,
        action__status=ActionStatus.PENDING,
        action__requirement__edit_needs_second=True,
    )
    return (
        Q(requester_kind="person", requester_id=user.public_id)
        | Q(requester_owner__isnull=False, requester_owner=user)
        | Q(agent__in=Agent.objects.filter(owner__user=user).values("pk"))
        | Q(agent_owner_id__isnull=False, agent_owner_id=user.pk)
        | Q(pk__in=ordered.values("pk"))
        | Q(pk__in=started.values("pk"))
        | Q(pk__in=edited.order_by().values("action_id"))
    )


def _is_turn(action: Action, person: PersonFacts, lent: list[StandIn]) -> bool:
    try:
        reading.right_of(action, person, lent)
    except Denied:
        return False
    return True
