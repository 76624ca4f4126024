"""Outages while webhooks come in: accepted is stored, stored is processed, each event once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.embedded.place import socket_path
from tests.flows import outages
from tests.flows.scenes import SECRET, signed
from tests.flows.tree import Tree, free_ports, started, until
from tests.migrated import SQLITE

pytestmark = [pytest.mark.flow, pytest.mark.long]
SENDERS = 8
EVENTS = 300
DELIVER_WITHIN_S = 120.0
# ASSURANCE T49: at the latest a minute after everything is back. A lease that was lost adds one.
DONE_WITHIN_S = 60.0
LEASE_S = 60.0
# What a delivery may be told during an outage, besides being acknowledged.
TRY_AGAIN = 503


@dataclass
class Provider:
    """Sends as providers do: the same event again until it is acknowledged."""

    addresses: list[str]
    client: httpx.Client
    answers: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self, number: int) -> str:
        """Until it is acknowledged; the id of the event that was made of it."""
        body = b'{"type":"order.created","number":%d}' % number
        address = self.addresses[number % len(self.addresses)]
        give_up = time.monotonic() + DELIVER_WITHIN_S
        while time.monotonic() < give_up:
            if event := self._try(address, body, f"msg_{number}"):
                return event
            time.sleep(0.1)  # between two tries of a provider
        raise AssertionError(f"event {number} was never acknowledged: {self.answers}")

    def _try(self, address: str, body: bytes, message_id: str) -> str:
        try:
            answer = self.client.post(address, content=body, headers=signed(body, message_id))
        except httpx.HTTPError:
            with self.lock:
                self.failures += 1
            return ""
        with self.lock:
            self.answers[answer.status_code] += 1
        return str(answer.json()["event"]) if answer.is_success else ""

    @property
    def refusals(self) -> int:
        """Tries that were not acknowledged."""
        return self.failures + sum(n for code, n in self.answers.items() if code >= 400)


@dataclass
class Scene:
    """A tree with one source whose events are only recorded."""

    tree: Tree
    provider: Provider

    def look(self, accepted: list[str], *, within_s: float = DONE_WITHIN_S) -> None:
        """Accepted = stored = processed, and nothing else is there."""
        done = "SELECT count(*) FROM webhooks_event WHERE status = 'processed'"
        until(lambda: self.tree.sql(done)[0][0] >= len(accepted), "all are processed",
              within_s=within_s)  # fmt: skip
        assert len(set(accepted)) == len(accepted)
        rows = self.tree.sql("SELECT event_id, status, due_at FROM webhooks_event")
        wanted = {(f"msg_{number}", "processed", None) for number in range(len(accepted))}
        assert Counter(rows) == Counter(wanted)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def scene(
    stack: ExitStack, *options: str, more_ports: tuple[int, ...] = (), **settings: str
) -> Scene:
    tree = stack.enter_context(started("--no-demo", *options, settings=settings))
    with tree.client(tree.bootstrap()["api_key"]) as api:
        made = api.post("/sources", json={"scheme": "standard", "secrets": [{"value": SECRET}]})
    assert made.status_code == 201, made.text
    path = urlsplit(made.json()["url"]).path
    addresses = [f"http://127.0.0.1:{port}{path}" for port in (tree.port, *more_ports)]
    return Scene(tree, Provider(addresses, stack.enter_context(httpx.Client(timeout=10))))


def struck(here: Scene, count: int, strikes: list[Callable[[], object]]) -> list[str]:
    """Deliver so many events and strike in between at even steps; what they became."""
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(here.provider.deliver, number) for number in range(count)]
        for step, strike in enumerate(strikes, start=1):
            _until_done(sent, count * step // (len(strikes) + 1))
            strike()
        return [one.result() for one in sent]


def _until_done(sent: list[Future[str]], wanted: int) -> None:
    until(lambda: sum(one.done() for one in sent) >= wanted, f"{wanted} events are acknowledged",
          within_s=DELIVER_WITHIN_S)  # fmt: skip


def test_events_survive_a_queue_that_forgets_everything(stack: ExitStack) -> None:
    here = scene(stack)
    path = socket_path(here.tree.data_dir)

    def flush() -> None:
        assert outages.command(path, "FLUSHALL").startswith(b"+OK")

    here.look(struck(here, EVENTS, [flush] * 5))
    # Nobody who sends webhooks has to know that there is a queue.
    assert here.provider.refusals == 0


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("stop", 0),
        ("freeze", 0),
        ("fill", 0),
        pytest.param("stop", 60, marks=pytest.mark.release),
    ],
)
def test_events_are_accepted_without_a_queue_and_processed_once_it_is_back(
    stack: ExitStack, kind: str, seconds: int
) -> None:
    queue = stack.enter_context(outages.queue())
    here = scene(stack, REDIS_URL=queue.url)
    accepted = struck(here, 100, [])
    here.look(accepted)
    fail, mend = {
        "stop": (queue.stop, queue.start),
        "freeze": (queue.freeze, queue.thaw),
        "fill": (queue.fill, queue.drain),
    }[kind]

    fail()
    here.tree.kill("worker")  # it may be at it still; the next one knows of nothing
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(SENDERS) as pool:
        accepted += pool.map(here.provider.deliver, range(100, EVENTS))
    until(lambda: time.monotonic() > end, "the outage is over", within_s=seconds + 1)
    assert here.provider.refusals == 0

    here.tree.kill("web")  # and with it every bell that it still wanted to ring
    mend()
    here.look(accepted)


@pytest.mark.parametrize(
    ("times", "down_s"), [(3, 0), (3, 30), pytest.param(20, 0, marks=pytest.mark.release)]
)
def test_events_survive_a_database_that_crashes(stack: ExitStack, times: int, down_s: int) -> None:
    database = stack.enter_context(outages.database())
    here = scene(stack, DATABASE_URL=database.url)

    def crash() -> None:
        before = here.provider.refusals
        database.crash()
        back = time.monotonic() + down_s
        until(lambda: here.provider.refusals > before + SENDERS, "the outage is noticed")
        until(lambda: time.monotonic() > back, "the outage is over", within_s=down_s + 1)
        database.start()

    # As many between two outages, however many there are.
    accepted = struck(here, EVENTS * (times + 1) // 4, [crash] * times)
    # Whoever cannot be stored is told to come back, and nothing else.
    assert set(here.provider.answers) <= {200, 202, TRY_AGAIN}
    assert here.provider.answers[TRY_AGAIN] > 0
    here.look(accepted, within_s=DONE_WITHIN_S + LEASE_S)


def test_events_survive_a_database_without_a_connection_left(
    stack: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    database = stack.enter_context(outages.database())
    (port,) = free_ports(1)
    here = scene(
        stack, "--intake", "1", "--intake-port", str(port), more_ports=(port,),
        DATABASE_URL=database.url,
    )  # fmt: skip

    accepted = struck(here, 100, [])
    for start in range(100, EVENTS, 100):
        with ThreadPoolExecutor(SENDERS) as pool:
            with outages.every_connection(database.url):
                before = here.provider.refusals
                sent = [pool.submit(here.provider.deliver, start + number) for number in range(100)]
                until(lambda before=before: here.provider.refusals > before + 2 * SENDERS,
                      "the outage is noticed", within_s=DONE_WITHIN_S)  # fmt: skip
            accepted += [one.result() for one in sent]

    answers = here.provider.answers
    with capsys.disabled():
        # T201: the figures of this run.
        print(f"\nT50 twice no connection left: {dict(answers)}")  # noqa: T201
    # Whoever cannot be stored hears so before it gives up.
    assert set(answers) <= {200, 202, TRY_AGAIN}
    assert answers[TRY_AGAIN] > 0
    assert here.provider.failures == 0
    here.look(accepted, within_s=DONE_WITHIN_S + LEASE_S)


def test_events_survive_the_death_of_both_entrances(stack: ExitStack) -> None:
    (port,) = free_ports(1)
    here = scene(stack, "--intake", "1", "--intake-port", str(port), more_ports=(port,))
    kinds = ("web", "intake") * 2
    strikes = [lambda kind=kind: here.tree.kill(kind) for kind in kinds]
    here.look(struck(here, EVENTS, strikes))


def test_events_survive_a_worker_that_is_frozen_beyond_the_burst(stack: ExitStack) -> None:
    here = scene(stack)
    frozen = stack.enter_context(ExitStack())

    def freeze() -> None:
        (pid,) = here.tree.pids("worker")
        frozen.enter_context(outages.paused(pid, here.tree.data_dir / SQLITE))

    accepted = struck(here, EVENTS, [freeze])
    frozen.close()
    here.look(accepted)
