"""Runs by API."""

import pytest

from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from tests import people
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.runs import RunEventFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def agent(here):
    provider = ProviderFactory(environment=here.environment, slug="lab")
    return AgentFactory(environment=here.environment, slug="helper", provider=provider)


@pytest.fixture
def operator(here):
    return key_of(here, here.operator)


@pytest.mark.parametrize("who", [{"agent": "helper"}, {"provider": "lab"}])
def test_a_run_is_queued(agent, operator, who):
    body = {
        "task": "Answer.",
        "constraints": {"max_tool_calls": 3, "require_approval_for": ["note"]},
        "tags": {"user_id": "u-1"},
    }
    answer = operator.post("runs", body | who)
    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert (shown["status"], shown["agent"]) == ("queued", agent.public_id)
    assert (shown["constraints"], shown["tags"]) == (body["constraints"], body["tags"])
    assert operator.get(f"runs/{shown['id']}").json() == shown


@pytest.mark.parametrize(
    "change",
    [{"agent": "nobody"}, {"provider": "nothing"}, {}, {"agent": "helper", "task": ""},
     {"agent": "helper", "constraints": {"speed": 1}}, {"agent": "helper", "tags": {"x": "y"}},
     {"agent": "helper", "callback_url": "http://example.com"}],
)  # fmt: skip
def test_a_run_that_cannot_be_is_refused(agent, operator, change):
    assert operator.post("runs", {"task": "Answer."} | change).status_code == 422
    assert not Run.objects.exists()


def test_an_idempotency_key_starts_one_run(agent, operator):
    body = {"task": "Answer.", "agent": "helper"}
    first = operator.post("runs", body, Idempotency_Key="one").json()
    assert operator.post("runs", body, Idempotency_Key="one").json() == first
    assert Run.objects.count() == 1


def test_a_machine_starts_runs_of_its_own_agent_only(here, agent):
    machine = key_for(agent)
    started = machine.post("runs", {"task": "Answer."}).json()
    assert started["agent"] == agent.public_id
    other = AgentFactory(environment=here.environment, provider=agent.provider)
    answer = machine.post("runs", {"task": "Answer.", "agent": other.slug})
    assert answer.status_code == 403


def test_a_machine_sees_its_own_agents_runs(here, agent):
    own = RunFactory(environment=here.environment, agent=agent)
    foreign = RunFactory(environment=here.environment)
    machine = key_for(agent)
    assert [row["id"] for row in machine.get("runs").json()["items"]] == [own.public_id]
    assert machine.get(f"runs/{foreign.public_id}").status_code == 404
    assert machine.get(f"runs/{foreign.public_id}/events").status_code == 404


def test_a_run_is_canceled_once(here, operator):
    run = RunFactory(environment=here.environment)
    first = operator.post(f"runs/{run.public_id}/cancel", {"reason": "enough"})
    assert first.json()["status"] == "canceled"
    assert operator.post(f"runs/{run.public_id}/cancel").status_code == 409


def test_a_run_that_ended_is_retried_as_a_new_one(here, operator):
    run = RunFactory(environment=here.environment, status=RunStatus.FAILED)
    answer = operator.post(f"runs/{run.public_id}/retry")
    assert answer.status_code == 202
    assert answer.json()["retry_of"] == run.public_id
    open_run = RunFactory(environment=here.environment)
    assert operator.post(f"runs/{open_run.public_id}/retry").status_code == 409


def test_a_viewer_only_looks(here, agent):
    viewer = key_of(here, here.may_not)
    run = RunFactory(environment=here.environment)
    assert viewer.get(f"runs/{run.public_id}").status_code == 200
    assert viewer.post("runs", {"task": "x", "agent": "helper"}).status_code == 403
    assert viewer.post(f"runs/{run.public_id}/cancel").status_code == 403


def test_runs_of_elsewhere_do_not_exist_here(here, operator):
    foreign = RunFactory(environment=here.elsewhere)
    assert operator.get("runs").json()["items"] == []
    assert operator.get(f"runs/{foreign.public_id}").status_code == 404
    assert operator.post(f"runs/{foreign.public_id}/cancel").status_code == 404


def test_lists_narrow_by_status_and_agent(here, agent, operator):
    own = RunFactory(environment=here.environment, agent=agent)
    ended = RunFactory(environment=here.environment, status=RunStatus.COMPLETED)

    def found(**query):
        return [row["id"] for row in operator.get("runs", query).json()["items"]]

    assert found() == [ended.public_id, own.public_id]
    assert found(status="completed") == [ended.public_id]
    assert found(agent="helper") == [own.public_id]


def test_the_stored_timeline_resumes_after_the_last_event(here, operator):
    run = RunFactory(environment=here.environment)
    for number in (1, 2):
        RunEventFactory(run=run, number=number, data={"text": "a\nb"})
    path = f"runs/{run.public_id}/events"
    whole = operator.get(path)
    assert whole["Content-Type"] == "text/event-stream"
    assert whole.content.decode().count("id: ") == 2
    rest = operator.get(path, **{"Last-Event-ID": "1"}).content.decode()
    assert rest.startswith("id: 2\nevent: run.progress\ndata: {")
    assert operator.get(path, **{"Last-Event-ID": "x"}).status_code == 422
