"""`?wait=`: the answer is held until the row settles."""

import time

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import Action
from gateway.runs.models import Run
from gateway.tenants.models import ApiKey
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("checks_often")]
WISH = {"tool": "note", "arguments": {"note": "hello"}}
ACTIONS = "/api/v1/actions"


@pytest.fixture
def machine(here):
    ToolFactory(environment=here.environment, name="note")
    return key_for(AgentFactory(environment=here.environment))


def test_a_wish_answers_when_it_is_rejected(here, machine, web, play, in_database):
    def reject():
        action = Action.objects.get()
        services.reject(
            action=action, by=here.principal(here.may), digest=action.digest, reason="no"
        )

    async def scenario():
        call = await web.ask(f"{ACTIONS}?wait=5", method="POST", body=WISH, **machine.headers)
        assert await call.wire.receive_nothing(0.5)
        await in_database(reject)
        await call.begun()
        shown = await call.json()
        assert (call.status, shown["status"], shown["detail"]) == (201, "rejected", "no")
        assert int(call.headers["content-length"]) == len(call.text.encode())

    play(scenario)


def test_a_wish_that_waits_too_long_is_answered_as_it_stands(machine, web, play):
    async def scenario():
        began = time.monotonic()
        call = await web.ask(f"{ACTIONS}?wait=1", method="POST", body=WISH, **machine.headers)
        await call.begun()
        assert (await call.json())["status"] == "pending"
        assert 0.9 < time.monotonic() - began < 4

    play(scenario)


def test_what_has_settled_is_answered_at_once(here, web, play):
    action = ActionFactory(environment=here.environment, status="succeeded")
    caller = key_of(here, here.may_not)

    async def scenario():
        began = time.monotonic()
        call = await web.ask(f"{ACTIONS}/{action.public_id}?wait=30", **caller.headers)
        await call.begun()
        assert (await call.json())["status"] == "succeeded"
        assert time.monotonic() - began < 4

    play(scenario)


def test_a_run_answers_200_once_it_has_ended(here, web, play, in_database):
    agent = AgentFactory(environment=here.environment)
    run = RunFactory(environment=here.environment, agent=agent)
    caller = key_of(here, here.operator)
    from gateway.runs import services as runs  # noqa: PLC0415

    async def scenario():
        body = {"task": "Answer.", "agent": agent.slug, "provider": run.provider.slug}
        call = await web.ask("/api/v1/runs?wait=5", method="POST", body=body, **caller.headers)
        assert await call.wire.receive_nothing(0.5)
        await in_database(
            lambda: runs.cancel(run=Run.objects.latest("id"), by=here.principal(here.operator))
        )
        await call.begun()
        assert (call.status, (await call.json())["status"]) == (200, "canceled")

    play(scenario)


@pytest.mark.parametrize("wait", ["61", "x", "-1"])
def test_a_wait_that_is_none_is_refused(here, machine, web, play, wait):
    async def scenario():
        path = f"{ACTIONS}?wait={wait}"
        call = await web.ask(path, method="POST", body=WISH, **machine.headers)
        assert (await call.begun()).status == 422
        await call.whole()

    play(scenario)
    assert not Action.objects.exists()


def test_an_error_is_not_held(here, machine, web, play):
    async def scenario():
        call = await web.ask(
            f"{ACTIONS}?wait=30", method="POST", body={**WISH, "tool": "x"}, **machine.headers
        )
        assert (await call.begun()).status == 403
        await call.whole()

    play(scenario)


def test_a_key_that_is_revoked_meanwhile_reads_nothing_more(here, machine, web, play, in_database):
    async def scenario():
        call = await web.ask(f"{ACTIONS}?wait=2", method="POST", body=WISH, **machine.headers)
        assert await call.wire.receive_nothing(0.1)
        await in_database(lambda: ApiKey.objects.update(revoked_at=timezone.now()))
        assert (await call.begun()).status == 401
        await call.whole()

    play(scenario)


def test_a_client_that_leaves_ends_the_wait(machine, web, play):
    async def scenario():
        call = await web.ask(f"{ACTIONS}?wait=60", method="POST", body=WISH, **machine.headers)
        assert await call.wire.receive_nothing(0.5)
        began = time.monotonic()
        await call.hang_up()
        assert time.monotonic() - began < 3

    play(scenario)
