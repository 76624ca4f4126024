"""Invariant 8: whoever made a machine's key answers for what is asked for with it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import Action, BreakGlass
from approvals.services import grants
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.lib import ids
from gateway.lib.errors import Denied
from gateway.runs.models import Run
from gateway.tenants.authentication import ENVIRONMENT_HEADER
from gateway.tenants.models import ApiKey, Environment, Member, User
from gateway.tenants.roles import Role
from tests import callers, desk
from tests.callers import Caller
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.people import People, person, ready

pytestmark = pytest.mark.django_db
WHY = "The shop is down and everybody sleeps."
BEHIND = ["maker", "owner"]


@dataclass(frozen=True)
class Place:
    """Three admins: one makes the robot's key, one owns the robot, one has nothing to do with it.

    The people of `ready` are there as well.
    """

    people: People
    maker: User
    owner: User
    other: User
    agent: Agent

    @property
    def environment(self) -> Environment:
        """Where all this is."""
        return self.people.environment

    def key(self, by: Caller | None = None) -> Caller:
        """A new key of the robot; the maker makes it in a browser, unless somebody else does."""
        where = f"{self.environment.tenant.slug}/{self.environment.slug}"
        browser = Caller(desk.signed_in(self.maker), {ENVIRONMENT_HEADER: where})
        made = (by or browser).post("api-keys", {"name": "robot", "agent": self.agent.slug})
        assert made.status_code == 201, made.content
        return callers.by_key(made.json()["key"])

    def ask(self, key: Caller | None = None, *, note: str = "hello") -> Action:
        """A call of the robot that waits for people."""
        wish = {"tool": "note", "arguments": {"note": note}}
        asked = (key or self.key()).post("actions", wish)
        assert asked.status_code == 201, asked.content
        return Action.objects.get(pk=ids.decode(Action.PREFIX, asked.json()["id"]))

    def approve(self, user: User, action: Action) -> int:
        """The status of an approval at the desk."""
        address = desk.at(self.environment, "approvals:approve", action=action.public_id)
        return desk.signed_in(user).post(address, {"digest": action.digest}).status_code


def place(kind: str) -> Place:
    """A place of this kind."""
    people = ready(kind=kind)
    maker, owner, other = (person(people.environment, Role.ADMIN) for _ in range(3))
    ToolFactory(environment=people.environment, name="note")
    agent = AgentFactory(environment=people.environment, owner=people.member(owner))
    return Place(people, maker, owner, other, agent)


@pytest.fixture
def here() -> Place:
    return place(Environment.Kind.PRODUCTION)


@pytest.fixture
def sandbox() -> Place:
    return place(Environment.Kind.SANDBOX)


@pytest.mark.parametrize("who", BEHIND)
def test_whoever_made_the_key_cannot_approve_at_any_door(here: Place, who: str) -> None:
    action, user = here.ask(), getattr(here, who)
    own = callers.key_of(here.people, user)
    said = own.post(f"actions/{action.public_id}/approve", {"digest": action.digest})
    assert (said.status_code, said.json()["code"]) == (403, "own_action")
    assert here.approve(user, action) == 403
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert here.approve(here.other, action) == 302


@pytest.mark.parametrize("who", BEHIND)
def test_it_is_not_among_what_waits_for_them(here: Place, who: str) -> None:
    action, user = here.ask(), getattr(here, who)
    assert list(services.waiting_for(user, here.environment)) == []
    assert list(services.waiting_for(here.other, here.environment)) == [action]
    asked = {member.user for member in services.eligible_reviewers(action)}
    assert user not in asked
    assert here.other in asked


@pytest.mark.parametrize("who", BEHIND)
def test_they_neither_decide_it_alone_nor_review_that(here: Place, who: str) -> None:
    action, by = here.ask(), here.people.principal(getattr(here, who))
    with pytest.raises(Denied) as denied:
        services.break_glass(action=action, by=by, digest=action.digest, reason=WHY)
    assert denied.value.code == "own_action"
    other = here.people.principal(here.other)
    services.break_glass(action=action, by=other, digest=action.digest, reason=WHY)
    emergency = BreakGlass.objects.get(action=action)
    with pytest.raises(Denied) as denied:
        services.review_break_glass(
            emergency=emergency, by=by, finding="justified", comment="I was there."
        )
    assert denied.value.code == "own_action"


@pytest.mark.parametrize("who", BEHIND)
def test_they_do_not_order_it_again(here: Place, who: str) -> None:
    action = here.ask()
    Action.objects.filter(pk=action.pk).update(status=ActionStatus.UNKNOWN)
    action.refresh_from_db()
    with pytest.raises(Denied) as denied:
        services.order_again(
            action=action, by=here.people.principal(getattr(here, who)), reason="Please."
        )
    assert denied.value.code == "own_action"


def test_what_they_granted_for_anothers_key_does_not_let_their_own_through(here: Place) -> None:
    others = here.key(callers.key_of(here.people, here.other))
    action = here.ask(others)
    assert here.approve(here.maker, action) == 302
    grants.create(
        action=action, by=here.people.principal(here.maker), condition="args.note != ''",
        expires_at=timezone.now() + timedelta(days=1), max_uses=9, reason="Often.",
    )  # fmt: skip
    assert here.ask(others, note="again").status == ActionStatus.APPROVED
    assert here.ask(note="mine").status == ActionStatus.PENDING


def test_in_a_sandbox_one_person_may_do_both(sandbox: Place) -> None:
    action = sandbox.ask()
    assert list(services.waiting_for(sandbox.maker, sandbox.environment)) == [action]
    assert sandbox.approve(sandbox.owner, action) == 403
    assert sandbox.approve(sandbox.maker, action) == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED


def test_a_key_of_which_nobody_knows_who_made_it_has_nobody_behind_it(here: Place) -> None:
    action = here.ask(callers.key_for(here.agent))
    assert here.approve(here.maker, action) == 302


def test_a_key_that_a_persons_key_made_is_the_persons(here: Place) -> None:
    action = here.ask(here.key(callers.key_of(here.people, here.maker)))
    assert here.approve(here.maker, action) == 403
    assert ApiKey.objects.get(name="robot").made_by == here.maker


def test_who_made_the_key_started_the_run_that_it_starts(here: Place) -> None:
    provider = ProviderFactory(environment=here.environment, adapter="fake")
    Agent.objects.filter(pk=here.agent.pk).update(provider=provider)
    answer = here.key().post("runs", {"agent": here.agent.slug, "task": "Look."})
    assert answer.status_code == 202, answer.content
    assert Run.objects.get().starter_user_id == here.maker.pk


def test_the_records_say_for_whom_the_key_asked(here: Place, sandbox: Place) -> None:
    behind = []
    for at in (here, sandbox):
        action = at.ask()
        record = AuditRecord.objects.get(
            action="approvals.action.proposed", target_id=action.public_id
        )
        behind.append(record.body_json["on_behalf_of"])
    assert behind == [here.maker.public_id, sandbox.owner.public_id]


def test_it_stays_known_who_made_a_key_and_went(here: Place) -> None:
    key = here.key()
    Member.objects.filter(user=here.maker).update(deactivated_at=timezone.now())
    action = here.ask(key)
    assert action.requester_owner == here.maker
    assert here.approve(here.maker, action) == 404
    assert here.approve(here.other, action) == 302
