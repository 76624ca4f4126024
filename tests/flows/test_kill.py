"""kill -9 in the middle of the work: nothing lost, nothing done twice, every result reported."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.flows.outside import Answer, Outside, Received, outside
from tests.flows.scenes import Place, configured, note_tool, send
from tests.flows.tree import assert_gone, started, until

pytestmark = pytest.mark.flow
IDEMPOTENT, UNSAFE = "write_note", "shout_note"
# Every tenth call is of the tool that must never be repeated.
UNSAFE_EVERY = 10
SENDERS = 8
SEND_WITHIN_S = 60.0
SETTLE_WITHIN_S = 150.0
SLOW_S = 0.05
SLOW_CALL_S = 6.0


@pytest.fixture
def service() -> Iterator[Outside]:
    """The place where effects and reports arrive; an effect takes a moment, so kills hit some."""
    with outside() as running:

        def answer(request: Received) -> Answer:
            if request.path.startswith("/effects/"):
                time.sleep(SLOW_S)
            return 200, {"ok": True}

        running.answer = answer
        yield running


@pytest.fixture
def place(service: Outside) -> Iterator[Place]:
    """A tenant where both tools are free to use."""
    with started("--no-demo", allow=[service.place]) as tree:
        here = configured(tree, service.url)
        note_tool(here, f"{service.url}/effects/idempotent", name=IDEMPOTENT,
                  retry_class="idempotent")  # fmt: skip
        note_tool(here, f"{service.url}/effects/unsafe", name=UNSAFE, retry_class="unsafe")
        rule = {"name": "free", "when": "true", "verdict": "allow"}
        here.make("policies", name="all free", comment="For the flow.", rules=[rule])
        yield here


def event(number: int) -> dict[str, object]:
    tool = UNSAFE if number % UNSAFE_EVERY == 0 else IDEMPOTENT
    call = {"id": f"call-{number}", "name": tool, "arguments": {"note": f"note {number}"}}
    return {"event": "run.tool_required", "run_id": f"their-{number}", "tool_call": call}


def deliver(place: Place, number: int) -> None:
    """As a provider does: the same event again until it is acknowledged."""
    give_up = time.monotonic() + SEND_WITHIN_S
    while time.monotonic() < give_up:
        with suppress(httpx.HTTPError):
            if send(place, event(number), f"msg_{number}").status_code in {200, 202}:
                return
        time.sleep(0.1)  # between two tries of a provider
    raise AssertionError(f"event {number} was never acknowledged")


def hurry(place: Place) -> None:
    """Move the deadlines of what killed processes held: waiting for them is not the test."""
    past = "2020-01-01 00:00:00+00" if place.tree.environment.get("DATABASE_URL") else "2020-01-01"
    for table, columns in (
        ("webhooks_event", ("due_at", "lease_until")),
        ("approvals_action", ("lease_until",)),
        ("runs_report", ("lease_until",)),
    ):
        changes = ", ".join(f"{column} = '{past}'" for column in columns)
        place.tree.sql(f"UPDATE {table} SET {changes} WHERE lease_until IS NOT NULL")  # noqa: S608


def reports(service: Outside) -> Counter[str]:
    return Counter(one.json["tool_call_id"] for one in service.posts("/v1/runs/"))


def survive(place: Place, service: Outside, *, count: int, kill: list[Callable[[], Any]]) -> None:
    """Deliver so many events, kill in between at even steps, and look what became of all."""
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(deliver, place, number) for number in range(count)]
        for step, strike in enumerate(kill, start=1):
            wanted = count * step // (len(kill) + 1)
            until(lambda wanted=wanted: sum(one.done() for one in sent) >= wanted, "events come in",
                  within_s=SEND_WITHIN_S)  # fmt: skip
            strike()
        for one in sent:
            one.result()
    until(lambda: place.tree.answers("/readyz"), "the tree works again", within_s=60)
    hurry(place)
    until(
        lambda: len(reports(service)) + len(unknown(place)) >= count,
        "every result is reported or unknown",
        within_s=SETTLE_WITHIN_S,
    )
    look(place, service, count)


def unknown(place: Place) -> list[Any]:
    return place.items("actions", status="unknown")


def look(place: Place, service: Outside, count: int) -> None:
    actions = place.items("actions")
    assert Counter(action["call_id"] for action in actions) == {
        f"call-{number}": 1 for number in range(count)
    }
    keys = {action["id"]: action for action in actions}

    # One idempotency key for one action: the service sees one effect, however often it is asked.
    effects = service.calls("/effects/idempotent")
    assert set(effects) == {key for key, action in keys.items() if action["tool"] == IDEMPOTENT}
    notes = Counter(one.json["note"] for one in service.posts("/effects/idempotent") if one.key)
    assert len(notes) == len(effects)

    # What is unsafe was sent at most once, and where nobody can know, that is what is said.
    shouted = service.calls("/effects/unsafe")
    assert not [key for key, times in shouted.items() if times > 1]
    for action in unknown(place):
        assert action["tool"] == UNSAFE
        answer = place.api.post(
            f"/actions/{action['id']}/reconcile",
            json={"outcome": "succeeded", "evidence": "Seen at the service."},
        )
        assert answer.status_code == 200, answer.text
    until(lambda: len(reports(service)) == count, "the reconciled ones are reported, too")
    statuses = Counter(action["status"] for action in place.items("actions"))
    assert statuses == {"succeeded": count}


def strikes(place: Place, *kinds: str) -> list[Callable[[], Any]]:
    return [lambda kind=kind: place.tree.kill(kind) for kind in kinds]


def test_forty_events_survive_the_death_of_worker_queue_and_web(
    place: Place, service: Outside
) -> None:
    survive(place, service, count=40, kill=strikes(place, "worker", "redis", "web"))


def test_a_worker_that_is_asked_to_end_waits_for_the_call_it_has_made(
    place: Place, service: Outside
) -> None:
    """Longer than the four seconds it once had, and long before its call's deadline."""
    asked, answered = threading.Event(), threading.Event()

    def answer(request: Received) -> Answer:
        if request.path.startswith("/effects/unsafe"):
            asked.set()
            assert answered.wait(SEND_WITHIN_S)
        return 200, {"ok": True}

    service.answer = answer
    deliver(place, 0)
    assert asked.wait(SEND_WITHIN_S)
    (worker,) = place.tree.pids("worker")
    os.kill(worker, signal.SIGTERM)
    threading.Timer(SLOW_CALL_S, answered.set).start()
    until(lambda: worker not in place.tree.pids("worker"), "the worker ends", within_s=30)
    (action,) = place.items("actions")
    assert (action["status"], answered.is_set()) == ("succeeded", True)
    assert len(service.posts("/effects/unsafe")) == 1


@pytest.mark.long
def test_two_hundred_events_survive_every_death_twice(place: Place, service: Outside) -> None:
    kinds = ("worker", "redis", "web", "scheduler", "worker", "redis", "web")
    survive(place, service, count=200, kill=strikes(place, *kinds))


def test_a_killed_child_comes_back_and_a_killed_parent_leaves_no_orphan() -> None:
    with started("--no-demo") as tree:
        for kind in ("worker", "scheduler", "redis"):
            assert tree.pids(kind), kind
        old = tree.kill("web")
        until(lambda: [pid for pid in tree.pids("web") if pid != old], "there is a new web")
        until(lambda: tree.answers("/readyz"), "it is ready")

        assert tree.process is not None
        os.kill(tree.process.pid, signal.SIGKILL)
        tree.process.wait()
        tree.process = None
        assert_gone(tree)
        # The next start finds everything as it was, and no lock in its way.
        tree.start()
