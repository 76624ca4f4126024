"""Five hundred open desks on one web process: every change reaches each, in order, none twice.

A hundred of them lose their connection on the way and come back with `Last-Event-ID`.
"""

import asyncio
import statistics
from http import HTTPStatus
from typing import Any

import pytest

from tests.flows.demo import Demo
from tests.flows.desks import PATIENCE_S, Cost, Desk, cost_of, people

pytestmark = [pytest.mark.flow, pytest.mark.long]
DESKS, DROPPED = 500, 100
CHANGES = 40
# How many streams are opened at a time, as browsers come one after another.
AT_ONCE = 25
IDLE_S = 10.0
GOAL_MB = 500


async def open_all(desks: list[Desk]) -> None:
    for begin in range(0, len(desks), AT_ONCE):
        await asyncio.gather(*(desk.open() for desk in desks[begin : begin + AT_ONCE]))


def change(here: Demo, number: int) -> None:
    """An action asked for, and another refused: two rows' changes, and what follows from them."""
    asked = here.ask_refund(amount=f"{number + 1}.10")
    if number % 2:
        body = {"digest": asked["digest"], "reason": "Only to see it change."}
        answer = here.place.api.post(f"/actions/{asked['id']}/reject", json=body)
        assert answer.status_code == 200, answer.text


async def settled(desks: list[Desk]) -> None:
    """Until nothing new is heard for a while anywhere."""
    give_up = asyncio.get_running_loop().time() + PATIENCE_S
    before = -1
    while (now := sum(len(desk.heard) for desk in desks)) != before:
        assert asyncio.get_running_loop().time() < give_up, "news keep coming"
        before = now
        await asyncio.sleep(2.0)


def spreads_ms(desks: list[Desk], marks: list[str]) -> list[float]:
    """Between the first and the last desk that heard the same news, in milliseconds."""
    times = [[desk.at[mark] for desk in desks if mark in desk.at] for mark in marks]
    return [1000 * (max(one) - min(one)) for one in times if len(one) > 1]


async def play(here: Demo, cookies: list[str], web: int) -> dict[str, Any]:
    desks = [Desk(f"{here.tree.url}/demo/sandbox/stream/", cookie) for cookie in cookies]
    costs: dict[str, Cost] = {"before": cost_of(web)}
    await open_all(desks)
    assert {desk.status for desk in desks} == {200}
    costs["open"] = cost_of(web)
    await asyncio.sleep(IDLE_S)
    costs["idle"] = cost_of(web)
    for number in range(CHANGES):
        if number == CHANGES // 3:
            for desk in desks[:DROPPED]:
                await desk.close()
        if number == 2 * CHANGES // 3:
            await open_all(desks[:DROPPED])
        await asyncio.to_thread(change, here, number)
    await settled(desks)
    costs["busy"] = cost_of(web)
    for desk in desks:
        await desk.close()
    return {"desks": desks, "costs": costs}


def test_each_of_five_hundred_desks_hears_every_change(
    here: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    cookies = people(here.tree, "demo", "sandbox", DESKS)
    assert len(cookies) == DESKS
    (web,) = here.tree.pids("web")
    played = asyncio.run(play(here, cookies, web))
    desks, costs = played["desks"], played["costs"]
    story = desks[-1].story()
    # At least one change of each action, and a second of those that were refused.
    assert len(story) >= CHANGES + CHANGES // 2
    for desk in desks:
        assert desk.story() == story
    versions: dict[str, int] = {}
    for kind, id, version in story:
        if kind == "action":
            assert version >= versions.get(id, 0)
            versions[id] = version
    assert len(versions) >= CHANGES
    expected = {
        row["id"]: row["status"] for row in here.place.items("actions") if row["id"] in versions
    }
    heard = {one["id"]: one["status"] for one in desks[-1].heard if one["kind"] == "action"}
    assert heard == expected
    assert costs["busy"].resident_mb <= GOAL_MB
    spreads = spreads_ms(desks[DROPPED:], list(desks[-1].at)[1:])
    lines = [
        f"{DESKS} desks, {len(story)} news each, {DROPPED} desks dropped and resumed",
        f"opening all: {costs['open'].at - costs['before'].at:.1f} s, "
        f"memory before {costs['before'].resident_mb:.0f} MB",
        f"idle: {costs['idle'].since(costs['open'])}",
        f"while it changes: {costs['busy'].since(costs['idle'])}",
        f"first to last desk: median {statistics.median(spreads):.0f} ms, "
        f"most {max(spreads):.0f} ms",
    ]
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201 - the figures of docs/assurance.md


async def _comes_back(desk: Desk) -> None:
    """As a browser does: again and again until the stream opens."""
    give_up = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        assert asyncio.get_running_loop().time() < give_up, "the stream did not open again"
        try:
            await desk.open()
        except (OSError, TimeoutError, IndexError):
            desk.status = 0
        if desk.status == HTTPStatus.OK:
            return
        await asyncio.sleep(0.2)


async def _through_an_outage(here: Demo, cookie: str) -> Desk:
    desk = Desk(f"{here.tree.url}/demo/sandbox/stream/", cookie)
    await desk.open()
    await asyncio.to_thread(here.ask_refund)
    await settled([desk])
    assert desk.reading is not None
    await asyncio.to_thread(here.tree.kill, "redis")
    # It does not stay open in silence: either it ends, or it says that some news were missed.
    give_up = asyncio.get_running_loop().time() + PATIENCE_S
    while not desk.reading.done() and desk.heard[-1]["kind"] != "missed":
        assert asyncio.get_running_loop().time() < give_up, "a stream without news stayed open"
        await asyncio.sleep(0.1)
    if desk.reading.done():
        await _comes_back(desk)
    # The workers find their way back to the queue in their own time.
    give_up = asyncio.get_running_loop().time() + 2 * PATIENCE_S
    before = len(desk.heard)
    while not any(one["kind"] == "action" for one in desk.heard[before:]):
        assert asyncio.get_running_loop().time() < give_up, f"silence after {desk.heard}"
        await asyncio.to_thread(here.ask_refund)
        await asyncio.sleep(2.0)
    await desk.close()
    return desk


def test_a_desk_notices_that_the_queue_was_gone_and_hears_again_afterwards(here: Demo) -> None:
    if not here.tree.pids("redis"):
        pytest.skip("without the embedded Redis there is none to kill")
    (cookie,) = people(here.tree, "demo", "sandbox", 1, first=DESKS)
    desk = asyncio.run(_through_an_outage(here, cookie))
    kinds = [one["kind"] for one in desk.heard]
    assert "missed" in kinds
    assert "action" in kinds[kinds.index("missed") :]
