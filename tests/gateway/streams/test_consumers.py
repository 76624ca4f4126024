"""The timeline of a run by WebSocket."""

import pytest
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from gateway.lib import live
from gateway.runs.states import RunStatus
from gateway.tenants.models import ApiKey
from tests.callers import key_of, signed_in
from tests.factories.runs import RunEventFactory, RunFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("checks_often")]
HOST = "testserver"


@pytest.fixture
def run(here):
    made = RunFactory(environment=here.environment)
    for number in (1, 2):
        RunEventFactory(run=made, number=number)
    return made


@pytest.fixture
def socket(web):
    """Opens a WebSocket."""

    def open_with(run, query="", **headers):
        named = {"host": HOST} | {name.lower(): value for name, value in headers.items()}
        pairs = [(name.encode(), value.encode()) for name, value in named.items()]
        return WebsocketCommunicator(
            web.application, f"/ws/runs/{run.public_id}{query}", headers=pairs
        )

    return open_with


async def numbers(wire, count):
    return [(await wire.receive_json_from(5))["number"] for _ in range(count)]


def test_a_browser_of_ours_follows_a_run(here, run, socket, play, in_database, cookie_of):
    cookie = cookie_of(signed_in(here.may_not, here.environment))

    def happen():
        RunEventFactory(run=run, number=3)
        live.publish(run.live_topic, {"kind": "run_event"})

    async def scenario():
        wire = socket(run, Cookie=cookie, Origin=f"http://{HOST}")
        assert (await wire.connect(5))[0]
        assert await numbers(wire, 2) == [1, 2]
        await in_database(happen)
        assert await numbers(wire, 1) == [3]
        await wire.disconnect()
        assert not live.hub().listeners

    play(scenario)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"http://{HOST}:9999", "null", f"http://{HOST}.evil.example"]
)
def test_a_page_of_others_does_not(here, run, socket, play, cookie_of, origin):
    cookie = cookie_of(signed_in(here.may_not, here.environment))

    async def scenario():
        wire = socket(run, Cookie=cookie, Origin=origin)
        assert await wire.connect(5) == (False, 4404)

    play(scenario)


def test_a_key_follows_without_an_origin_and_resumes(here, run, socket, play):
    caller = key_of(here, here.may_not)

    async def scenario():
        wire = socket(run, "?after=1", **caller.headers)
        assert (await wire.connect(5))[0]
        assert await numbers(wire, 1) == [2]
        await wire.disconnect()

    play(scenario)


def test_strangers_and_foreign_runs_are_turned_away(here, run, socket, play, cookie_of):
    cookie = cookie_of(signed_in(here.stranger, here.elsewhere))
    foreign = RunFactory(environment=here.elsewhere)
    caller = key_of(here, here.may_not)

    async def scenario():
        for wire in (socket(run), socket(run, Cookie=cookie), socket(foreign, **caller.headers)):
            assert await wire.connect(5) == (False, 4404)

    play(scenario)


def test_it_closes_when_the_run_has_ended(here, run, socket, play):
    run.status = RunStatus.FAILED
    run.save()
    caller = key_of(here, here.may_not)

    async def scenario():
        wire = socket(run, **caller.headers)
        await wire.connect(5)
        assert await numbers(wire, 2) == [1, 2]
        assert await wire.receive_output(5) == {"type": "websocket.close", "code": 1000}

    play(scenario)


def test_it_closes_when_the_key_is_revoked(here, run, socket, play, in_database):
    caller = key_of(here, here.may_not)

    async def scenario():
        wire = socket(run, **caller.headers)
        await wire.connect(5)
        await numbers(wire, 2)
        await in_database(lambda: ApiKey.objects.update(revoked_at=timezone.now()))
        assert (await wire.receive_output(5))["type"] == "websocket.close"

    play(scenario)


def test_an_unknown_address_is_closed(web, play):
    async def scenario():
        wire = WebsocketCommunicator(web.application, "/ws/nothing")
        assert await wire.connect(5) == (False, 4404)

    play(scenario)
