"""A quorum that nobody can meet is refused at save, and said loudly on the card."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.models import Policy
from approvals.services import eligible_reviewers, promote, save_policy, shortfall, warnings_of
from approvals.services.examining import examine_stored
from approvals.services.trials import Rollout, try_version
from gateway.lib.errors import Refused
from gateway.tenants.models import Group, Member
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import GroupFactory, MemberFactory
from tests.people import People, person, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    """Three reviewers, the admin; two of the reviewers are in finance."""
    met = ready()
    group(met, "finance", met.may, met.second)
    return met


def group(met: People, slug: str, *users: object) -> Group:
    made = GroupFactory(tenant=met.environment.tenant, slug=slug)
    for user in users:
        met.member(user).groups.add(made)  # type: ignore[arg-type]
    return made


def rule(**fields: object) -> dict[str, object]:
    return {"name": "r", "when": "true", "verdict": "require_approval", **fields}


def save(met: People, **fields: object) -> Policy:
    return save_policy(met.environment, name="p", comment="c", rules=[rule(**fields)])


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"quorum": 5}, "quorum", "5 of role:reviewer (5 needed, 4 members can decide)"),
        ({"reviewers": ["group:nobody"]}, "quorum", "1 needed, 0 members can decide"),
        ({"reviewers": ["group:finance"], "quorum": 3}, "quorum", "3 needed, 2 members"),
        # A viewer has no permission to decide, whatever names them.
        ({"reviewers": ["role:viewer"]}, "quorum", "1 needed, 0 members can decide"),
        ({"reviewers": ["user:nobody@example.com"]}, "quorum", "0 members can decide"),
        (
            {"reviewers": ["role:admin"], "quorum": 2, "alternatives": [{"quorum": 9}]},
            "alternatives",
            "2 of role:admin (2 needed, 1 member can decide) or 9 of role:reviewer",
        ),
        (
            {"stages": [{"name": "a"}, {"name": "b", "reviewers": ["group:legal"]}]},
            "stages",
            "Stage “b” waits for 1 of group:legal",
        ),
        (
            {
                "stages": [
                    {"name": "a", "reviewers": ["group:finance"], "quorum": 2},
                    {"name": "b", "reviewers": ["group:finance"]},
                ]
            },
            "stages",
            "need 3 different people",
        ),
        ({"reviewers": ["group:finance"], "rejections": 3}, "rejections", "3 members would"),
        ({"reviewers_from": "[args.x]", "quorum": 5}, "quorum", "5 needed, 4 members"),
    ],
    ids=str,
)
def test_a_quorum_nobody_can_meet_is_refused_and_nothing_is_saved(
    people: People, fields: dict[str, object], field: str, says: str
) -> None:
    with pytest.raises(Refused) as refusal:
        save(people, **fields)
    assert refusal.value.code == "quorum_unreachable"
    assert (refusal.value.extra["rule"], refusal.value.extra["field"]) == ("r", field)
    assert says in refusal.value.detail
    assert not Policy.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"quorum": 4},
        {"reviewers": ["group:finance"], "quorum": 2},
        {"reviewers": ["group:nobody"], "alternatives": [{"reviewers": ["role:admin"]}]},
        {"stages": [{"name": "a", "reviewers": ["group:finance"], "quorum": 2}, {"name": "b"}]},
        {"reviewers_from": "['group:' + args.team]", "quorum": 4},
        {"verdict": "deny"},
    ],
    ids=str,
)
def test_what_the_members_can_meet_is_saved(people: People, fields: dict[str, object]) -> None:
    assert save(people, **fields).version == 1


def test_members_of_other_environments_and_tenants_and_former_ones_do_not_count(
    people: People,
) -> None:
    person(people.elsewhere, "admin")
    people.member(people.admin).roles.all().delete()
    Member.objects.filter(user=people.owner).update(deactivated_at="2026-01-01T00:00:00Z")
    with pytest.raises(Refused, match="3 needed, 2 members can decide"):
        save(people, quorum=3)


def test_a_policy_that_is_off_may_ask_for_whom_it_likes_until_it_is_switched_on(
    people: People,
) -> None:
    rules = [rule(quorum=9)]
    save_policy(people.environment, name="p", comment="c", rules=rules, enabled=False)
    with pytest.raises(Refused, match="9 needed"):
        save_policy(people.environment, name="p", comment="c", rules=rules, enabled=True)


def test_a_version_on_trial_is_held_to_the_same_and_again_when_it_is_put_in_force(
    people: People,
) -> None:
    where = {"name": "p", "comment": "c", "rollout": Rollout()}
    with pytest.raises(Refused, match="9 needed"):
        try_version(people.environment, rules=[rule(quorum=9)], **where)  # type: ignore[arg-type]
    policy = try_version(people.environment, rules=[rule(quorum=4)], **where)  # type: ignore[arg-type]
    people.member(people.admin).roles.all().delete()
    with pytest.raises(Refused, match="4 needed, 3 members"):
        promote(policy)


def test_needing_everybody_is_only_a_warning(people: People) -> None:
    rules = [
        rule(name="all", quorum=4), rule(name="most", quorum=3), {**rule(), "name": "one"},
        rule(name="the admin", reviewers=["role:admin"]), rule(name="none", quorum=9),
    ]  # fmt: skip
    found = [(one.rule, one.code) for one in warnings_of(people.environment, rules)]
    assert found == [
        ("all", "no_substitute"), ("the admin", "no_substitute"), ("none", "quorum_unreachable"),
    ]  # fmt: skip


def test_a_quorum_that_members_left_unreachable_is_told_by_the_check(people: People) -> None:
    save(people, quorum=4)
    people.member(people.admin).roles.all().delete()
    (examined,) = examine_stored(Policy.objects.all())
    assert [(one.code, one.rule) for one in examined.warnings] == [("quorum_unreachable", "r")]


def test_a_card_says_what_is_missing_once_its_requester_is_left_out(people: People) -> None:
    agent = AgentFactory(environment=people.environment, owner=people.member(people.may))
    action = ActionFactory(
        environment=people.environment,
        agent=agent,
        requirement={"reviewers": ["group:finance"], "quorum": 2},
    )
    assert "2 of group:finance (2 needed, 1 member can decide)" in shortfall(action)
    staged = ActionFactory(
        environment=people.environment,
        agent=agent,
        requirement={
            "stages": [
                {"name": "a", "reviewers": ["group:finance"], "quorum": 1},
                {"name": "b", "reviewers": ["group:finance"], "quorum": 1},
            ]
        },
    )
    assert "need 2 different people" in shortfall(staged)


def test_reviewers_are_found_in_as_many_queries_whatever_their_number(people: People) -> None:
    action = ActionFactory(environment=people.environment)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            eligible_reviewers(action)
            shortfall(action)
        return len(caught)

    queries()
    few = queries()
    for _ in range(20):
        MemberFactory(
            tenant=people.environment.tenant, roles={people.environment: ["reviewer", "viewer"]}
        )
    assert (queries(), len(eligible_reviewers(action))) == (few, 24)
