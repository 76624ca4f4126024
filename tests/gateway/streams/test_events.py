"""Server-Sent Events of the desk and of runs."""

import asyncio
import json

import pytest
from django.utils import timezone

from gateway.lib import live
from gateway.runs.states import RunStatus
from gateway.streams import events
from gateway.tenants.models import ApiKey, MemberRole
from tests.callers import key_for, key_of, signed_in
from tests.factories.agents import AgentFactory
from tests.factories.runs import RunEventFactory, RunFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("checks_often")]
NEWS = {"kind": "action", "id": "act_1", "version": 2}


def stream_of(environment):
    return f"/{environment.tenant.slug}/{environment.slug}/stream/"


def data_of(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.fixture
def desk(web, here, cookie_of):
    """Opens the desk's stream as this person."""

    async def open_as(user, environment=None):
        place = environment or here.environment
        return await web.ask(stream_of(place), Cookie=cookies[user.pk])

    people = (here.may, here.may_not, here.stranger, here.auditor)
    cookies = {user.pk: cookie_of(signed_in(user, here.environment)) for user in people}
    return open_as


def test_a_desk_hears_its_own_environment_and_no_other(desk, here, play, in_database):
    async def scenario():
        stream = await (await desk(here.may)).begun()
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        await stream.until(events.HEARTBEAT)
        await in_database(
            lambda: live.publish(here.elsewhere.live_topic, {**NEWS, "id": "act_foreign"})
        )
        await in_database(lambda: live.publish(here.environment.live_topic, NEWS))
        assert data_of(await stream.until("act_1")) == [NEWS]
        await stream.hang_up()

    play(scenario)


def test_a_desk_opens_for_people_with_a_role_there(desk, here, play, web):
    async def scenario():
        for user in (here.stranger, here.auditor):
            assert (await (await desk(user)).begun()).status == 404
        assert (await (await desk(here.may, here.elsewhere)).begun()).status == 404
        assert (await (await web.ask(stream_of(here.environment))).begun()).status == 404
        forged = await web.ask(stream_of(here.environment), Cookie="countersign=nothing")
        assert (await forged.begun()).status == 404

    play(scenario)


@pytest.mark.parametrize("end", ["sign_out", "deactivate", "new_password", "role_taken"])
def test_a_desk_ends_with_the_right_to_see_it(desk, here, play, in_database, end):
    def sign_out():
        from django.contrib.sessions.models import Session  # noqa: PLC0415

        Session.objects.all().delete()

    def deactivate():
        here.may.is_active = False
        here.may.save()

    def new_password():
        here.may.set_password("another-long-one")
        here.may.save()

    def role_taken():
        MemberRole.objects.filter(member__user=here.may).delete()

    async def scenario():
        stream = await (await desk(here.may)).begun()
        other = await (await desk(here.may_not)).begun()
        await stream.until(events.HEARTBEAT)
        await in_database(locals_[end])
        await stream.whole()
        if end != "sign_out":
            await in_database(lambda: live.publish(here.environment.live_topic, NEWS))
            await other.until("act_1")
        await other.hang_up()

    locals_ = {
        "sign_out": sign_out,
        "deactivate": deactivate,
        "new_password": new_password,
        "role_taken": role_taken,
    }
    play(scenario)


@pytest.fixture
def run(here):
    made = RunFactory(environment=here.environment)
    for number in (1, 2):
        RunEventFactory(run=made, number=number)
    return made


def events_of(run):
    return f"/api/v1/runs/{run.public_id}/events"


def numbers_of(text):
    return [line["number"] for line in data_of(text)]


def test_a_listener_reads_what_was_and_then_what_comes(here, run, web, play, in_database):
    caller = key_of(here, here.may_not)

    def happen():
        RunEventFactory(run=run, number=3)
        live.publish(run.live_topic, {"kind": "run_event"})

    async def scenario():
        stream = await (await web.ask(events_of(run), **caller.headers)).begun()
        await stream.until("id: 2")
        await in_database(happen)
        assert numbers_of(await stream.until("id: 3")) == [1, 2, 3]
        await stream.hang_up()

    play(scenario)


def test_a_listener_resumes_after_the_last_event(here, run, web, play):
    caller = key_of(here, here.may_not)

    async def scenario():
        headers = {**caller.headers, "Last-Event-ID": "1"}
        stream = await (await web.ask(events_of(run), **headers)).begun()
        assert numbers_of(await stream.until("id: 2")) == [2]
        await stream.hang_up()

    play(scenario)


def test_lost_news_only_delays(here, run, web, play, in_database, monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    caller = key_of(here, here.may_not)

    async def scenario():
        stream = await (await web.ask(events_of(run), **caller.headers)).begun()
        await stream.until(events.HEARTBEAT)
        await in_database(lambda: RunEventFactory(run=run, number=3))
        assert numbers_of(await stream.until("id: 3")) == [1, 2, 3]
        await stream.hang_up()

    play(scenario)


def test_the_stream_of_a_run_that_ended_ends_and_is_not_reopened(here, run, web, play):
    run.status = RunStatus.COMPLETED
    run.save()
    caller = key_of(here, here.may_not)

    async def scenario():
        stream = await (await web.ask(events_of(run), **caller.headers)).begun()
        assert numbers_of(await stream.whole()) == [1, 2]
        headers = {**caller.headers, "Last-Event-ID": "2"}
        assert (await (await web.ask(events_of(run), **headers)).begun()).status == 204

    play(scenario)


def test_a_revoked_key_ends_the_stream(here, run, web, play, in_database):
    caller = key_of(here, here.may_not)

    async def scenario():
        stream = await (await web.ask(events_of(run), **caller.headers)).begun()
        await stream.until("id: 2")
        await in_database(lambda: ApiKey.objects.update(revoked_at=timezone.now()))
        await stream.whole()

    play(scenario)


def test_who_may_not_see_a_run_gets_the_apis_answer(here, run, web, play):
    foreign = RunFactory(environment=here.elsewhere)
    viewer = key_of(here, here.may_not)
    machine = key_for(AgentFactory(environment=here.environment))
    auditor = key_of(here, here.auditor)

    async def scenario():
        for path, headers, status in (
            (events_of(run), {}, 401),
            (events_of(run), {"Authorization": "Bearer csk_no"}, 401),
            (events_of(run), auditor.headers, 403),
            (events_of(run), machine.headers, 404),
            (events_of(foreign), viewer.headers, 404),
            (events_of(run), {**viewer.headers, "Last-Event-ID": "x"}, 422),
        ):
            answer = await (await web.ask(path, **headers)).begun()
            assert answer.status == status, path
            assert answer.headers["content-type"] == "application/problem+json"
            await answer.whole()

    play(scenario)


def test_a_listener_that_left_holds_nothing(here, run, web, play):
    caller = key_of(here, here.may_not)

    async def scenario():
        stream = await (await web.ask(events_of(run), **caller.headers)).begun()
        await stream.until("id: 2")
        await stream.hang_up()
        from gateway.streams.tickets import watch  # noqa: PLC0415

        assert not live.hub().listeners
        assert not watch().held
        await asyncio.sleep(0)

    play(scenario)


def marks_of(text):
    return [line[4:] for line in text.splitlines() if line.startswith("id: ")]


def test_a_desk_that_lost_its_stream_goes_on_after_the_last_news(
    desk, web, here, cookie_of, play, in_database
):
    cookie = cookie_of(signed_in(here.may, here.environment))

    def tell(*names):
        return lambda: [
            live.publish(here.environment.live_topic, {**NEWS, "id": name}) for name in names
        ]

    async def again(mark):
        headers = {"Cookie": cookie, "Last-Event-ID": mark}
        return await (await web.ask(stream_of(here.environment), **headers)).begun()

    async def scenario():
        staying = await (await desk(here.may_not)).begun()
        stream = await (await desk(here.may)).begun()
        await in_database(tell("act_1"))
        last = marks_of(await stream.until("act_1"))[-1]
        await stream.hang_up()
        await in_database(tell("act_2", "act_3"))
        await staying.until("act_3")
        back = await again(last)
        assert [news["id"] for news in data_of(await back.until("act_3"))] == ["act_2", "act_3"]
        await back.hang_up()
        unknown = await again("0" * 32)
        assert data_of(await unknown.until("missed")) == [{"kind": "missed"}]
        await unknown.hang_up()
        await staying.hang_up()

    play(scenario)


def test_many_desks_are_told_to_take_turns(desk, here, play, in_database, monkeypatch):
    monkeypatch.setattr(events, "FEW_DESKS", 1)

    async def scenario():
        streams = [await (await desk(user)).begun() for user in (here.may, here.may_not)]
        await in_database(lambda: live.publish(here.environment.live_topic, NEWS))
        for stream in streams:
            (news,) = data_of(await stream.until("act_1"))
            assert news == {**NEWS, "spread_ms": 2 * events.EACH_DESK_MS}
            await stream.hang_up()

    play(scenario)


def test_without_a_subscription_no_desk_opens(desk, here, play, monkeypatch):
    async def away(*_):
        raise ConnectionError("Redis is away")

    async def scenario():
        monkeypatch.setattr(live, "STANDING_S", 0.05)
        monkeypatch.setattr(live.get_channel_layer(), "new_channel", away)
        stream = await (await desk(here.may)).begun()
        assert stream.status == 503
        await stream.whole()

    play(scenario)
