"""Who else reviews what: told to those who may see it, forgotten after a minute, owed to nobody."""

import pytest
from django.core.cache import cache

from approvals.models import Action
from gateway.desk import presence
from gateway.lib import live
from tests.desk import at, signed_in
from tests.factories.approvals import ActionFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_is_there():
    cache.clear()


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def action(people) -> Action:
    return ActionFactory(environment=people.environment)


@pytest.fixture
def told(monkeypatch):
    """What the stream is told."""
    news = []
    monkeypatch.setattr(live, "publish", lambda topic, what: news.append((topic, what)))
    return news


def sign(user, action, environment=None, **data):
    address = at(environment or action.environment, "presence_sign", action=action.public_id)
    return signed_in(user).post(address, data).status_code


def there(user, environment):
    answer = signed_in(user).get(at(environment, "presence"))
    assert answer.status_code == 200
    return {one["action"]: one["says"] for one in answer.json()["there"]}


def named(user, name):
    user.name = name
    user.save()
    return user


def test_others_see_who_has_it_open_and_oneself_does_not(people, action, told):
    named(people.may, "Ana Ruiz")
    assert sign(people.may, action) == 204
    shown = {action.public_id: "Ana Ruiz is reviewing"}
    assert there(people.second, people.environment) == shown
    assert there(people.may_not, people.environment) == shown
    assert there(people.may, people.environment) == {}
    news = {"kind": "presence", "id": action.public_id}
    assert told == [(people.environment.live_topic, news)]


def test_only_coming_and_going_is_told(people, action, told):
    for _ in range(3):
        sign(people.may, action)
    sign(people.may, action, gone="yes")
    sign(people.may, action, gone="yes")
    assert len(told) == 2
    assert there(people.second, people.environment) == {}


def test_a_sign_that_is_handled_after_the_leaving_that_followed_it_changes_nothing(
    people, action, told
):
    sign(people.may, action, said=1_000)
    sign(people.may, action, said=3_000, gone="yes")
    sign(people.may, action, said=2_000)
    assert there(people.second, people.environment) == {}
    assert len(told) == 2
    sign(people.may, action, said=4_000)
    assert action.public_id in there(people.second, people.environment)


@pytest.mark.parametrize("said", ["", "-1", "1e9", "9" * 16, "now"])
def test_a_stamp_that_is_none_counts_as_the_oldest(people, action, said):
    assert sign(people.may, action, said=said) == 204
    assert action.public_id in there(people.second, people.environment)
    sign(people.may, action, said=5, gone="yes")
    assert sign(people.may, action, said=said) == 204
    assert there(people.second, people.environment) == {}


def test_who_gives_no_sign_any_more_is_forgotten(people, action, monkeypatch):
    monkeypatch.setattr(presence, "STAYS_S", 0.0)
    sign(people.may, action)
    assert there(people.second, people.environment) == {}


def test_several_are_named_and_of_many_only_some(people, action):
    everybody = (people.may, people.second, people.owner, people.admin)
    for user, name in zip(everybody, ("Ana", "Rui", "Ida", "Max"), strict=True):
        sign(named(user, name), action)
    said = there(people.may_not, people.environment)[action.public_id]
    assert said.endswith("and 1 more are reviewing")
    sign(people.owner, action, gone="yes")
    sign(people.admin, action, gone="yes")
    assert (
        there(people.may_not, people.environment)[action.public_id] == "Rui and Ana are reviewing"
    )


def test_who_may_not_decide_is_reviewing_nothing(people, action, told):
    assert sign(people.may_not, action) == 403
    assert there(people.second, people.environment) == {}
    assert told == []


def test_what_is_decided_is_not_reviewed(people, told):
    decided = ActionFactory(environment=people.environment, status="rejected")
    assert sign(people.may, decided) == 204
    assert there(people.second, people.environment) == {}
    assert told == []


def test_nothing_is_seen_or_said_across_tenants(people, action, told):
    foreign = ActionFactory(environment=people.elsewhere)
    sign(people.may, action)
    told.clear()
    assert sign(people.stranger, action) == 404
    assert sign(people.stranger, action, people.elsewhere) == 404
    assert sign(people.may, foreign, people.environment) == 404
    assert there(people.stranger, people.elsewhere) == {}
    assert signed_in(people.stranger).get(at(people.environment, "presence")).status_code == 404
    assert told == []


def test_a_sign_is_given_by_a_form_alone(people, action):
    address = at(people.environment, "presence_sign", action=action.public_id)
    assert signed_in(people.may).get(address).status_code == 405
    assert there(people.second, people.environment) == {}


def test_a_browser_gone_wild_fills_nothing(people):
    for action in [ActionFactory(environment=people.environment) for _ in range(13)]:
        sign(people.may, action)
    assert len(there(people.second, people.environment)) == presence.MOST_OF_ONE


def test_the_page_gives_signs_for_who_may_decide_only(people, action):
    page = at(people.environment, "approvals:detail", action=action.public_id)
    address = at(people.environment, "presence_sign", action=action.public_id)
    assert address in signed_in(people.may).get(page).content.decode()
    assert address not in signed_in(people.may_not).get(page).content.decode()
