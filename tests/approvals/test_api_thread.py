"""The thread of an action by API: who reads, who writes, what the agent sees."""

import pytest

from tests import people
from tests.callers import key_for, key_of
from tests.factories.approvals import ActionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def action(here):
    return ActionFactory(environment=here.environment)


def test_a_question_reaches_the_agent_and_its_answer_the_thread(here, action):
    reviewer, agent = key_of(here, here.may), key_for(action.agent)
    thread = f"actions/{action.public_id}/comments"
    reviewer.post(thread, {"text": "Between us: odd."})
    asked = reviewer.post(thread, {"text": "Which order?", "ask": True})
    assert asked.status_code == 201, asked.content
    seen = agent.get(f"actions/{action.public_id}").json()["questions"]
    assert [(q["text"], q["answer"]) for q in seen] == [("Which order?", None)]
    said = agent.post(
        f"actions/{action.public_id}/answer", {"text": "1043", "question": seen[0]["id"]}
    )
    assert said.status_code == 201, said.content
    kinds = [(c["kind"], c["text"]) for c in reviewer.get(thread).json()]
    assert kinds == [
        ("comment", "Between us: odd."), ("question", "Which order?"), ("answer", "1043"),
    ]  # fmt: skip
    assert agent.get(f"actions/{action.public_id}").json()["questions"][0]["answer"] == "1043"


def test_what_people_say_among_themselves_is_not_for_machines(here, action):
    key_of(here, here.may).post(f"actions/{action.public_id}/comments", {"text": "Between us."})
    agent = key_for(action.agent)
    assert agent.get(f"actions/{action.public_id}/comments").status_code == 403
    assert agent.post(f"actions/{action.public_id}/comments", {"text": "x"}).status_code == 403
    assert "Between us" not in agent.get(f"actions/{action.public_id}").content.decode()


def test_another_agent_finds_neither_action_nor_question(here, action):
    other = key_for(ActionFactory(environment=here.environment).agent)
    assert other.post(f"actions/{action.public_id}/answer", {"text": "x"}).status_code == 404


def test_a_person_cannot_answer_for_the_agent(here, action):
    admin = key_of(here, here.admin)
    admin.post(f"actions/{action.public_id}/comments", {"text": "Why?", "ask": True})
    assert admin.post(f"actions/{action.public_id}/answer", {"text": "x"}).status_code == 403


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 4001}, {"text": "x", "a": 1}])
def test_a_bad_comment_is_422_and_leaves_nothing(here, action, body):
    answer = key_of(here, here.may).post(f"actions/{action.public_id}/comments", body)
    assert answer.status_code == 422
    assert not action.comments.exists()
