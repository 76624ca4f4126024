"""T43: six ways to listen to what is not yours, each refused or ended within five seconds."""

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session

from gateway.tenants.models import MemberRole
from tests.callers import signed_in
from tests.factories.runs import RunEventFactory, RunFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("checks_often")]
WITHIN_S = 5
ORIGIN = "http://testserver"
MIB = 1024 * 1024


@pytest.fixture
def run(here):
    made = RunFactory(environment=here.environment)
    RunEventFactory(run=made, number=1)
    return made


@pytest.fixture
def opened(web, run):
    """Opens the WebSocket of the run with these headers."""

    def open_with(row=run, **headers):
        named = {"host": "testserver"} | {name.lower(): value for name, value in headers.items()}
        pairs = [(name.encode(), value.encode()) for name, value in named.items()]
        return WebsocketCommunicator(web.application, f"/ws/runs/{row.public_id}", headers=pairs)

    return open_with


@pytest.mark.parametrize("origin", ["wrong", "absent", "anonymous", "other tenant"])
def test_who_may_not_listen_is_turned_away(here, opened, play, cookie_of, origin):
    mine = cookie_of(signed_in(here.may_not, here.environment))
    theirs = cookie_of(signed_in(here.stranger, here.elsewhere))
    headers = {
        "wrong": {"Cookie": mine, "Origin": "https://evil.example"},
        "absent": {"Cookie": mine},
        "anonymous": {"Origin": ORIGIN},
        "other tenant": {"Cookie": theirs, "Origin": ORIGIN},
    }[origin]

    async def scenario():
        assert await opened(**headers).connect(WITHIN_S) == (False, 4404)

    play(scenario)


def test_who_owes_a_second_factor_listens_to_nothing(here, opened, play, cookie_of, settings):
    settings.SECOND_FACTOR = "everyone"
    cookie = cookie_of(signed_in(here.may_not, here.environment))

    async def scenario():
        assert await opened(Cookie=cookie, Origin=ORIGIN).connect(WITHIN_S) == (False, 4404)

    play(scenario)


@pytest.mark.parametrize("end", ["signed out", "role taken"])
def test_who_may_not_any_more_hears_nothing_more(here, opened, play, cookie_of, in_database, end):
    cookie = cookie_of(signed_in(here.may_not, here.environment))
    ends = {
        "signed out": lambda: Session.objects.all().delete(),
        "role taken": lambda: MemberRole.objects.filter(member__user=here.may_not).delete(),
    }

    async def scenario():
        wire = opened(Cookie=cookie, Origin=ORIGIN)
        assert (await wire.connect(WITHIN_S))[0]
        await wire.receive_json_from(WITHIN_S)
        await in_database(ends[end])
        assert (await wire.receive_output(WITHIN_S))["type"] == "websocket.close"

    play(scenario)


@pytest.mark.parametrize("said", [{"text": "x" * MIB}, {"bytes": b"x" * MIB}])
def test_who_says_much_is_not_listened_to(here, opened, play, cookie_of, said):
    cookie = cookie_of(signed_in(here.may_not, here.environment))

    async def scenario():
        wire = opened(Cookie=cookie, Origin=ORIGIN)
        await wire.connect(WITHIN_S)
        await wire.receive_json_from(WITHIN_S)
        await wire.send_input({"type": "websocket.receive", **said})
        assert await wire.receive_output(WITHIN_S) == {"type": "websocket.close", "code": 1009}

    play(scenario)


def test_what_is_said_changes_nothing(here, opened, play, cookie_of):
    cookie = cookie_of(signed_in(here.may_not, here.environment))

    async def scenario():
        wire = opened(Cookie=cookie, Origin=ORIGIN)
        await wire.connect(WITHIN_S)
        await wire.receive_json_from(WITHIN_S)
        for text in ("", "no json", '{"type": "run.canceled"}', "\x00"):
            await wire.send_input({"type": "websocket.receive", "text": text})
        assert await wire.receive_nothing(0.1)
        await wire.disconnect()

    play(scenario)
