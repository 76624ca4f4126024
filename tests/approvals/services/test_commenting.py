"""The thread of an action: people's words, questions to the agent, its answers."""

import pytest

from approvals.models import Action, Comment
from approvals.services import answer, approve, comment
from approvals.services.commenting import MAX_TEXT
from audit.models import AuditRecord
from gateway.agents.services import create_api_key
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants.principals import Principal, of_key
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, CommentFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def action(people: People) -> Action:
    return ActionFactory(environment=people.environment)


@pytest.fixture
def agent(action: Action) -> Principal:
    return machine(action)


def machine(action: Action) -> Principal:
    key, _ = create_api_key(action.environment, name="bot", agent=action.agent)
    return of_key(key)


def test_a_comment_is_kept_recorded_without_its_words_and_announced(
    people: People, action: Action
) -> None:
    said = comment(action=action, by=people.principal(people.may), text="  Is this Mara?  ")
    assert (said.text, said.author, said.kind) == ("Is this Mara?", people.may, "comment")
    record = AuditRecord.objects.get(action="approvals.comment.added")
    assert record.target_id == action.public_id
    assert record.body_json["meta"]["comment"] == said.public_id
    assert "Mara" not in record.body
    before = action.row_version
    action.refresh_from_db()
    assert action.row_version == before + 1
    assert action.announce_due_at is not None


def test_a_comment_leaves_digest_and_votes_alone(people: People, action: Action) -> None:
    comment(action=action, by=people.principal(people.second), text="Looks right.")
    done = approve(action=action, by=people.principal(people.may), digest=action.digest)
    assert done.status == "approved"


@pytest.mark.parametrize("who", ["may_not", "auditor", "stranger"])
def test_who_may_not_comment_is_denied(people: People, action: Action, who: str) -> None:
    with pytest.raises(Denied):
        comment(action=action, by=people.principal(getattr(people, who)), text="x")
    assert not Comment.objects.exists()


def test_a_machine_never_comments(action: Action, agent: Principal) -> None:
    with pytest.raises(Denied):
        comment(action=action, by=agent, text="x")


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_TEXT + 1)])
def test_no_text_and_too_long_a_text_are_refused(people: People, action: Action, text: str) -> None:
    with pytest.raises(Refused):
        comment(action=action, by=people.principal(people.may), text=text)


def test_a_full_thread_takes_no_more(
    people: People, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("approvals.services.commenting.MAX_OF_PEOPLE", 1)
    CommentFactory(action=action)
    with pytest.raises(Refused, match="no more"):
        comment(action=action, by=people.principal(people.may), text="x")


def test_the_agent_answers_each_question_once(
    people: People, action: Action, agent: Principal
) -> None:
    by = people.principal(people.may)
    first = comment(action=action, by=by, text="Why twice?", is_question=True)
    second = comment(action=action, by=by, text="Since when?", is_question=True)
    said = answer(action=action, by=agent, text="The first one failed.")
    assert (said.question, said.agent, said.author) == (first, action.agent, None)
    with pytest.raises(Conflict):
        answer(action=action, by=agent, text="Again.", question=first.public_id)
    assert answer(action=action, by=agent, text="Monday.").question == second
    with pytest.raises(Refused, match="open question"):
        answer(action=action, by=agent, text="More.")


def test_only_the_agent_of_the_action_answers(people: People, action: Action) -> None:
    comment(action=action, by=people.principal(people.may), text="Why?", is_question=True)
    other = ActionFactory(
        environment=people.environment, agent=AgentFactory(environment=people.environment)
    )
    for by in (machine(other), people.principal(people.admin)):
        with pytest.raises(Denied):
            answer(action=action, by=by, text="Because.")


def test_a_question_of_another_action_is_not_answered_here(
    people: People, action: Action, agent: Principal
) -> None:
    other = ActionFactory(environment=people.environment)
    asked = CommentFactory(action=other, kind="question")
    with pytest.raises(Refused):
        answer(action=action, by=agent, text="x", question=asked.public_id)


def test_nobody_asks_or_answers_once_it_is_decided(
    people: People, action: Action, agent: Principal
) -> None:
    by = people.principal(people.may)
    comment(action=action, by=by, text="Why?", is_question=True)
    approve(action=action, by=by, digest=action.digest)
    with pytest.raises(StaleState):
        comment(action=action, by=by, text="Why really?", is_question=True)
    with pytest.raises(StaleState):
        answer(action=action, by=agent, text="Because.")
    assert comment(action=action, by=by, text="For the record.").kind == "comment"
