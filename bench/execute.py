"""How soon an approved action takes effect, and how many one worker executes, beside a bare loop.

And how many events one worker brings from the webhook through gate, call and report to their end.

A whole tree as `make run` starts it (SQLite, embedded queue, one worker) and a counting service in
a process of its own. Three loops stand beside it, from ours to the barest: one calls the worker's
transactions and the service without queue and news, which the goal is held against; one sends only
their statements and a call (`replaying`), one does only what cannot be left out: two transactions
with as few rows, on a database with the same settings, and one call over a new connection between.
"""

import http.client
import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import django
import httpx

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()  # before the factories, whose models need it

from bench import replaying  # noqa: E402
from tests.doubles.counting import Line, lines  # noqa: E402
from tests.flows.crash import OPEN_ROWS, SENDERS, Stage, event, is_held, stage  # noqa: E402
from tests.flows.scenes import send  # noqa: E402
from tests.flows.tree import SQLITE, until  # noqa: E402

APPROVALS = 40
BACKLOG = 200
REPLAYED = 100
ROUNDS = 3
EVENTS = 200
BARE_S = 3.0
WITHIN_S = 300.0
GOAL_MS, GOAL_RATIO, GOAL_PER_S = 300.0, 0.4, 40.0
# The beginning and the end of a backlog, where the worker is not busy all the time.
EDGE = 0.1
RECORD = "x" * 750
STOP = {"scope": "environment", "reason": "Measuring."}
TABLES = """
CREATE TABLE action (id INTEGER PRIMARY KEY, status TEXT, lease TEXT, result TEXT);
CREATE TABLE execution (id INTEGER PRIMARY KEY, action INTEGER, status TEXT, at TEXT);
CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE pending (id INTEGER PRIMARY KEY);
"""


@dataclass
class Effects:
    """What was measured; rates are actions a second, one of each for each round."""

    load: float
    approved_ms: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    through: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What is printed."""
        soon = statistics.median(self.approved_ms)
        rate = statistics.median(self.ours)
        direct, same, least = (
            statistics.median(o / b for o, b in zip(self.ours, beside, strict=True))
            for beside in (self.direct, self.same, self.bare)
        )
        return [
            f"execution, SQLite, embedded queue, {os.cpu_count()} cores, load {self.load:.1f} "
            f"at the start and {os.getloadavg()[0]:.1f} at the end:",
            f"  approval to effect: {soon:.0f} ms median, {max(self.approved_ms):.0f} ms at most "
            f"of {len(self.approved_ms)} (goal {GOAL_MS:.0f} ms: {_verdict(soon <= GOAL_MS)})",
            f"  one worker: {rate:.0f} actions/s (goal {GOAL_PER_S:.0f}: "
            f"{_verdict(rate >= GOAL_PER_S)}), rounds {_rounds(self.ours)}",
            f"  beside a loop that calls the same two transactions and the service, at "
            f"{statistics.median(self.direct):.0f}/s: {direct:.2f} × "
            f"(goal {GOAL_RATIO} ×: {_verdict(direct >= GOAL_RATIO)}), "
            f"rounds {_rounds(self.direct)}",
            f"  beside a loop of their bare statements and a call, at "
            f"{statistics.median(self.same):.0f}/s: {same:.2f} × (told only), "
            f"rounds {_rounds(self.same)}",
            f"  beside a bare loop of the fewest rows, which checks nothing, at "
            f"{statistics.median(self.bare):.0f}/s: {least:.2f} × (told only)",
            f"  from webhook to delivered report: {statistics.median(self.through):.0f} events/s, "
            f"{statistics.median(self.through) / rate:.2f} × the execution alone (told only), "
            f"rounds {_rounds(self.through)}",
        ]


def measure() -> Effects:
    """Everything, on a tree of its own."""
    found = Effects(os.getloadavg()[0])
    with stage(effect_s=0.0) as here:
        found.approved_ms = [_approved(here, number) for number in _held(APPROVALS)]
        with _machine(here) as machine:
            ready = _backlog_to_replay(here, machine)
            for number in range(ROUNDS):
                found.bare.append(bare_per_s(here))
                found.same.append(replaying.per_s(*ready, place=here.service.place))
                found.direct.append(replaying.direct_per_s(*ready))
                found.ours.append(worker_per_s(here, machine, number))
                found.through.append(through_per_s(here, number))
    return found


def _held(count: int) -> list[int]:
    """Numbers of events whose calls wait for a person."""
    return [number for number in range(count * 10) if is_held(number)][:count]


def _approved(here: Stage, number: int) -> float:
    """Milliseconds from the moment the approval is sent until the service has acted."""
    send(here.place, event(number), f"msg_{number}")
    wanted = f"call-{number}"

    def waiting() -> dict[str, str] | None:
        pending = here.place.items("actions", status="pending")
        return next((one for one in pending if one["call_id"] == wanted), None)

    action = until(waiting, "the call waits", within_s=WITHIN_S)
    began = time.time()
    answer = here.place.api.post(
        f"/actions/{action['id']}/approve", json={"digest": action["digest"]}
    )
    answer.raise_for_status()
    effect = until(lambda: _effect(here, action["id"]), "it takes effect", within_s=WITHIN_S)
    return (effect.at - began) * 1000


def _effect(here: Stage, key: str) -> Line | None:
    return next((one for one in lines(here.service.journal) if one.key == key), None)


@contextmanager
def _machine(here: Stage) -> Iterator[httpx.Client]:
    key = here.place.make("api-keys", name="bench")["key"]
    with here.place.tree.client(key) as client:
        yield client


def worker_per_s(here: Stage, machine: httpx.Client, number: int) -> float:
    """A backlog piles up behind the kill switch; how fast it goes once that is off."""
    _switch(here, is_on=True)
    _ask(machine, f"round {number}", BACKLOG)
    before = len(lines(here.service.journal))
    _switch(here, is_on=False)
    until(lambda: len(lines(here.service.journal)) >= before + BACKLOG, "the backlog is done",
          within_s=WITHIN_S)  # fmt: skip
    at = sorted(one.at for one in lines(here.service.journal))[before:]
    cut = int(BACKLOG * EDGE)
    return (BACKLOG - 2 * cut) / (at[-cut] - at[cut])


def through_per_s(here: Stage, number: int) -> float:
    """Events that come in together; how fast all of them are at their end."""
    first = APPROVALS * 10 + number * EVENTS
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(here.deliver, range(first, first + EVENTS)))
    until(lambda: here.sql(OPEN_ROWS)[0][0] == 0, "all are at their end", within_s=WITHIN_S)
    # Those that wait for a person come to no report.
    reported = sum(not is_held(number) for number in range(first, first + EVENTS))
    return reported / (time.perf_counter() - began)


def _switch(here: Stage, *, is_on: bool) -> None:
    here.place.api.post("/kill-switch", json=STOP | {"on": is_on}).raise_for_status()


def _backlog_to_replay(here: Stage, machine: httpx.Client) -> tuple[Path, dict[str, str]]:
    """The folder with a copy of the database whose statements are known, and its settings."""
    tree = here.place.tree
    _switch(here, is_on=True)
    _ask(machine, "replayed", REPLAYED)
    folder = tree.folder / "replaying"
    folder.mkdir()
    environment = tree.environment | {"DJANGO_SETTINGS_MODULE": "gateway.settings"}
    replaying.prepare(tree.data_dir / SQLITE, folder, environment)
    before = len(lines(here.service.journal))
    _switch(here, is_on=False)
    until(lambda: len(lines(here.service.journal)) >= before + REPLAYED, "the backlog is done",
          within_s=WITHIN_S)  # fmt: skip
    return folder, environment


def _ask(machine: httpx.Client, name: str, count: int) -> None:
    for item in range(count):
        wish = {"tool": "write_note", "arguments": {"note": f"{name} item {item}"}}
        machine.post("/actions", json=wish).raise_for_status()


def bare_per_s(here: Stage) -> float:
    """The same two transactions and the call, and nothing else."""
    path = here.place.tree.folder / "bare.sqlite3"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {pragma}")
        database.executescript(TABLES)
        return _loop(database, here)


def _loop(database: sqlite3.Connection, here: Stage) -> float:
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < BARE_S:
        count += 1
        _commit(database, [
            ("INSERT INTO action VALUES (?, 'executing', ?, NULL)", (count, "lease")),
            ("INSERT INTO execution VALUES (?, ?, 'sent', ?)", (count, count, "now")),
        ])  # fmt: skip
        _call(here, f"bare-{time.time_ns()}")
        _commit(database, [
            ("UPDATE execution SET status = 'succeeded' WHERE id = ?", (count,)),
            ("UPDATE action SET status = 'succeeded', result = ? WHERE id = ?", (RECORD, count)),
        ])  # fmt: skip
    return count / took


def _commit(database: sqlite3.Connection, steps: list[tuple[str, tuple[object, ...]]]) -> None:
    """One transaction: these rows, and a record of each with its place in the queue."""
    database.execute("BEGIN IMMEDIATE")
    for statement, values in steps:
        database.execute(statement, values)
        database.execute("INSERT INTO record (body) VALUES (?)", (RECORD,))
        database.execute("INSERT INTO pending DEFAULT VALUES")
    database.execute("COMMIT")


def _call(here: Stage, key: str) -> None:
    connection = http.client.HTTPConnection(here.service.place, timeout=30)
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    connection.request("POST", "/idempotent", b'{"note":"bare"}', headers)
    connection.getresponse().read()
    connection.close()


def _verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "not reached"


def _rounds(values: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


if __name__ == "__main__":
    print("\n".join(measure().lines()), flush=True)
