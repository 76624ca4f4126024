"""Questions about actions that pages, the API and the services themselves ask."""

import uuid
from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone

from approvals import ladder, quorum, reachable, readable
from approvals.findings import Finding
from approvals.models import Action, Approval, Delegation
from approvals.quorum import PersonFacts, Standing, Vote
from approvals.requirement import Requirement
from approvals.services.binding import requirement_of
from approvals.services.editors import editors_of
from approvals.services.people import (
    DECIDE,
    active_member,
    deciders_of,
    is_decider,
    members_by_user,
    person_facts,
)
from approvals.services.substituting import StandIn, stand_in, stand_ins
from approvals.states import ActionStatus
from gateway.lib import assertions, ids
from gateway.lib.assertions import Assertion, BadAssertion
from gateway.lib.errors import Denied
from gateway.lib.prepared import Prepared
from gateway.tenants import services as tenants
from gateway.tenants.freshness import Authentication
from gateway.tenants.models import Member, User
from gateway.tenants.principals import Principal

STEP_UP_NEEDED = "step_up_needed"
# What a substitute may overcome by what is lent to them; nothing overcomes four eyes.
LENDABLE = frozenset({"not_routed", "not_your_stage"})
_VOTES = Prepared(
    lambda action, version: Approval.objects.filter(
        action=action, action_version=version, void_at=None
    ).select_related("user", "on_behalf_of", "delegation"),
    action=Action._meta.pk,
    version=Action._meta.get_field("version"),
)


def effective(action: Action) -> Requirement:
    """What the action's rule asks for now: once escalated, more people may agree to it."""
    return ladder.in_force(requirement_of(action), is_escalated=action.escalated_at is not None)


def votes(action: Action) -> list[Approval]:
    """The votes that count for the action's present version."""
    found = _VOTES(action=action.pk, version=action.version)
    for vote in found:
        vote.action = action
    return found


def progress(action: Action, cast: list[Approval] | None = None) -> Standing:
    """How far each stage is, by the votes of those who may still decide.

    `cast` are the votes to count, where the caller looks at some of them only. A refusal counts
    whatever became of the person.
    """
    cast = votes(action) if cast is None else cast
    # What somebody decided alone stands beside the count, not in it.
    cast = [vote for vote in cast if vote.decision != Approval.Decision.BREAK_GLASS]
    counted = [
        Vote(person, vote.decision == Approval.Decision.APPROVE, vote.stage)
        for vote, person in zip(cast, _voters(action, cast), strict=True)
    ]
    return quorum.standing(effective(action), counted)


def _voters(action: Action, cast: list[Approval]) -> list[PersonFacts]:
    """Who cast each vote, with the standing that it counts by; none where it does not count."""
    people = {key for vote in cast for key in (vote.user_id, vote.on_behalf_of_id)}
    members = members_by_user(action.environment, people)
    own = {vote.user_id for vote in cast if vote.on_behalf_of_id is None}
    return [
        PersonFacts(vote.user.public_id)
        if vote.on_behalf_of_id in own
        else _voter(action, vote, members)
        for vote in cast
    ]


def _voter(action: Action, vote: Approval, members: dict[uuid.UUID, Member]) -> PersonFacts:
    environment, nobody = action.environment, PersonFacts(vote.user.public_id)
    member = members.get(vote.user_id)
    if member is None or not is_decider(member, environment):
        return nobody
    person = person_facts(member, environment)
    if vote.delegation is not None and vote.on_behalf_of_id is not None:
        delegator = members.get(vote.on_behalf_of_id)
        lent = stand_in(vote.delegation, delegator, environment, at=vote.created_at)
        if lent is None or not lent.is_between(vote.on_behalf_of_id, vote.user_id):
            return nobody
        if _objection(action, lent.lent, stage=vote.stage) is not None:
            return nobody
        person = lent.lend(person)
    return person if _objection(action, person, stage=vote.stage) is None else nobody


def may_decide(action: Action, by: Principal, *, approving: bool = True) -> Delegation | None:
    """Raises Denied, saying why, unless this principal may vote on the action.

    Without `approving`, unless they may reject or edit it, which its editors may always. Who may
    only on somebody's behalf gets the delegation by which they do; the others None.
    """
    if not by.is_member or by.user is None:
        raise Denied("not_a_member", "Only a member decides; machine keys never do.")
    if not by.has(DECIDE):
        raise Denied("not_permitted", "Your roles in this environment do not let you decide.")
    member = active_member(by.user, action.environment)
    if member is None:
        raise Denied("not_permitted", "You are not an active member of this tenant.")
    lent = stand_ins(by.user, action.environment)
    return right_of(action, person_facts(member, action.environment), lent, approving=approving)


def right_of(
    action: Action, person: PersonFacts, lent: Iterable[StandIn], *, approving: bool = True
) -> Delegation | None:
    """The delegation by which the person decides now, None for their own right. Raises Denied.

    `lent` is looked at only where the person's own standing is not enough.
    """
    cast = votes(action)
    stage = progress(action, cast).open_stage
    if any(vote.on_behalf_of and vote.on_behalf_of.public_id == person.user_id for vote in cast):
        raise Denied("represented", "Your substitute has decided on your behalf already.")
    found = _objection(action, person, stage=stage, approving=approving)
    if found is None:
        return None
    voices = {key for vote in cast for key in (vote.user_id, vote.on_behalf_of_id)}
    for one in lent if found.code in LENDABLE else ():
        both = (one.lent, one.lend(person))
        if one.delegation.delegator_id not in voices and all(
            _objection(action, each, stage=stage, approving=approving) is None for each in both
        ):
            return one.delegation
    raise Denied(found.code, found.detail)


def unreadable(arguments: str) -> Finding | None:
    """Why nobody is asked to approve these canonical arguments: longer than anybody reads."""
    return readable.too_large(len(arguments.encode()), most=settings.REVIEW_MAX_BYTES)


def must_step_up(action: Action, by: Principal) -> bool:
    """Whether this person has to prove again that they are there before they approve."""
    if not requirement_of(action).step_up:
        return False
    if by.user is None:
        return True
    now = timezone.now()
    return not tenants.proves(by.user, by.authentication, digest=action.digest, now=now)


def check_is_there(action: Action, by: Principal) -> None:
    """Raises Denied where this person has to prove first that they are there."""
    if must_step_up(action, by):
        raise Denied(
            STEP_UP_NEEDED,
            "This action asks you to prove just now that you are there: do so on the desk, "
            "which asks for your passkey, code or password. A key cannot do so.",
        )


def was_there(vote: Approval) -> bool:
    """Whether the vote was cast by somebody who had just proved it, where that is asked."""
    if not requirement_of(vote.action).step_up:
        return True
    if vote.authenticated_at is None:
        return False
    proof = Authentication(vote.authenticated_at, tuple(vote.authentication_methods))
    return proof.is_fresh_at(vote.created_at) and _is_signed(vote)


def _is_signed(vote: Approval) -> bool:
    """Whether what the vote carries of a passkey was signed over the digest it is bound to."""
    if vote.assertion is None:
        return True
    try:
        assertions.check(Assertion.from_dict(vote.assertion), digest=vote.digest)
    except BadAssertion:
        return False
    return True


def _objection(
    action: Action, person: PersonFacts, *, stage: int | None = None, approving: bool = True
) -> Finding | None:
    wanted = effective(action)
    # Only where the rule wants to know: it is asked of the database.
    asks = approving and wanted.edit_needs_second
    return quorum.may_decide(
        wanted,
        person,
        requester_ids=people_behind(action),
        run_starter_id=_user(action.run_starter_id),
        editor_ids=editors_of(action) if asks else (),
        approving=approving,
        stage=stage,
    )


def _user(key: uuid.UUID | None) -> str | None:
    """The public id of a person known by key, without asking the database."""
    return ids.encode(User.PREFIX, key) if key else None


def people_behind(action: Action) -> frozenset[str]:
    """Who never decides this action: the people who answer for the request."""
    people = {action.requester_id} if action.requester_kind == "person" else set()
    people.update(action.orderers)
    if action.requester_owner_id:
        people.add(ids.encode(User.PREFIX, action.requester_owner_id))
    if action.agent.owner:
        people.add(action.agent.owner.user.public_id)
    if action.agent_owner_id:
        people.add(ids.encode(User.PREFIX, action.agent_owner_id))
    return frozenset(people)


def eligible_reviewers(action: Action) -> list[Member]:
    """The members whom some stage of the action names and who may decide it, voted or not."""
    deciders = deciders_of(action.environment)
    return [member for member in deciders if _could(action, member)]


def next_voters(action: Action, standing: Standing) -> list[Member]:
    """The members who can vote now: named by the open stage, not heard yet; none once settled."""
    if action.status != ActionStatus.PENDING or standing.satisfied:
        return []
    voted = {key for vote in votes(action) for key in (vote.user_id, vote.on_behalf_of_id)}
    return [
        member
        for member in deciders_of(action.environment)
        if member.user_id not in voted and _could(action, member, stage=standing.open_stage)
    ]


def would_be_last(action: Action, user: User) -> bool:
    """Whether an approval of this person, who may give it, is the only one that is missing."""
    member = active_member(user, action.environment)
    if member is None:
        return False
    return progress(action).would_satisfy(person_facts(member, action.environment))


def asked(action: Action) -> str:
    """Who must agree, in words; empty where nobody is asked."""
    return effective(action).words if action.requirement else ""


def can_anybody_decide(action: Action) -> bool:
    """Whether the people who have not voted yet are enough for what is still missing."""
    return not shortfall(action)


def shortfall(action: Action) -> str:
    """What is missing for the action ever to be approved, in words; empty where nothing is."""
    cast = votes(action)
    voted = {key for vote in cast for key in (vote.user_id, vote.on_behalf_of_id)}
    left = [
        person_facts(member, action.environment)
        for member in eligible_reviewers(action)
        if member.user_id not in voted
    ]
    return reachable.missing(progress(action, cast), left)


def _could(action: Action, member: Member, *, stage: int | None = None) -> bool:
    if not is_decider(member, action.environment):
        return False
    return _objection(action, person_facts(member, action.environment), stage=stage) is None


def could_agree_alone(action: Action, user: User, wanted: Requirement) -> bool:
    """Whether this person may decide the action, and their word alone would be enough."""
    member = active_member(user, action.environment)
    if member is None or not is_decider(member, action.environment):
        return False
    person = person_facts(member, action.environment)
    found = quorum.may_decide(
        wanted,
        person,
        requester_ids=people_behind(action),
        run_starter_id=_user(action.run_starter_id),
    )
    return found is None and quorum.standing(wanted, [Vote(person, approves=True)]).satisfied
