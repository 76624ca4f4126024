"""Who stands in for whom: what a delegation lets its substitute do.

A substitute decides where the delegator could by role or group, never where the delegator is named
in person, and never passes it on: only the delegator's own roles and groups are lent.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.models import Delegation
from approvals.quorum import PersonFacts
from approvals.services.people import is_decider, members_by_user
from gateway.tenants.models import Environment, Member, User


@dataclass(frozen=True)
class StandIn:
    """A delegation that counts, and what it lends of its delegator's standing."""

    delegation: Delegation
    lent: PersonFacts

    def lend(self, person: PersonFacts) -> PersonFacts:
        """The substitute with what is lent: still the same one person."""
        roles, groups = person.roles | self.lent.roles, person.groups | self.lent.groups
        return replace(person, roles=roles, groups=groups)

    def is_between(self, delegator: uuid.UUID, substitute: uuid.UUID) -> bool:
        """Whether the delegation is from this person to that one."""
        row = self.delegation
        return (row.delegator_id, row.substitute_id) == (delegator, substitute)


def stand_ins(user: User, environment: Environment) -> Iterator[StandIn]:
    """The delegations to this person that count now; nothing is asked before the first is."""
    found = Delegation.objects.within(environment).filter(substitute=user).in_force()
    delegations = list(found.select_related("delegator", "environment").order_by("id"))
    members = members_by_user(environment, (row.delegator_id for row in delegations))
    for row in delegations:
        if one := stand_in(row, members.get(row.delegator_id), environment):
            yield one


def stand_in(
    delegation: Delegation,
    delegator: Member | None,
    environment: Environment,
    *,
    at: datetime | None = None,
) -> StandIn | None:
    """What the delegation lends, or None where it lends nothing (any more).

    The delegator has to be an active member who may decide. `at` is the moment of a vote, where
    the question is whether the delegation counted then.
    """
    if at is not None and not delegation.was_in_force_at(at):
        return None
    if delegator is None or not is_decider(delegator, environment):
        return None
    return StandIn(delegation, _lent(delegation, delegator, environment))


def _lent(delegation: Delegation, delegator: Member, environment: Environment) -> PersonFacts:
    roles = frozenset(delegator.roles_in(environment))
    groups = frozenset(delegator.group_slugs())
    kind, _, name = delegation.scope.partition(":")
    if kind:
        roles = roles & {name} if kind == "role" else frozenset()
        groups = groups & {name} if kind == "group" else frozenset()
    return PersonFacts(delegator.user.public_id, roles, groups)
