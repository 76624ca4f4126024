"""A tree whose processes die where a test orders it, and the account of what became of everything.

Each event of the provider asks for one call. By its number the call's tool is one that honours the
idempotency key or one that must never be repeated; every tenth waits for a person, who never comes.
"""

import random
import re
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.lib import ids
from gateway.lib.failpoints import Point
from tests.doubles import counting
from tests.doubles.counting import IDEMPOTENT, UNSAFE
from tests.flows.outside import Outside, outside
from tests.flows.scenes import Place, configured, note_tool, signed
from tests.flows.tree import ROOT, free_ports, started, until

TOOLS = {"write_note": IDEMPOTENT, "shout_note": UNSAFE}
HOLD_EVERY = 10
SENDERS = 8
# Of a few hundred events; the release form has thousands, on a machine that may be busy.
SEND_WITHIN_S = 90.0
SETTLE_WITHIN_S = 180.0
PER_EVENT_S = 0.3
# So that several calls are under way when the worker dies.
EFFECT_S = 0.02
POINTS = list(Point)
AT_THE_ENTRANCE = POINTS[: POINTS.index(Point.TAKEN)]
# Where nobody can know whether the service has acted.
IN_DOUBT = {Point.PARTLY_SENT, Point.SENT, Point.ANSWER_READ}
# How often a point is passed while so many events come in: not for each one where they go together.
SELDOM = {Point.INSERTING: 16, Point.COMMITTED: 16, Point.ANSWERED: 40, Point.RUNG: 40}
# Each by an index, because it is asked again and again while tens of thousands are there.
OPEN_ROWS = """
SELECT (SELECT count(*) FROM webhooks_event WHERE due_at IS NOT NULL)
     + (SELECT count(*) FROM approvals_action WHERE announce_due_at IS NOT NULL)
     + (SELECT count(*) FROM approvals_action WHERE status = 'approved')
     + (SELECT count(*) FROM approvals_action
        WHERE environment_id IN (SELECT id FROM tenants_environment) AND status = 'executing')
     + (SELECT count(*) FROM runs_report WHERE due_at IS NOT NULL)
"""
UNDER_WAY = """
SELECT a.id, a.tool_name, e.status FROM approvals_execution e
JOIN approvals_action a ON a.id = e.action_id WHERE e.status IN ('claimed', 'sent')
"""
PAST = "2020-01-01 00:00:00+00:00"


def tool_of(number: int) -> str:
    """The tool that the call of this event is for."""
    return list(TOOLS)[number % 2]


def is_held(number: int) -> bool:
    """Whether the call waits for a person."""
    return number % HOLD_EVERY == HOLD_EVERY - 1


def event(number: int) -> dict[str, object]:
    """The provider's event with this number."""
    note = f"hold {number}" if is_held(number) else f"note {number}"
    call = {"id": f"call-{number}", "name": tool_of(number), "arguments": {"note": note}}
    return {"event": "run.tool_required", "run_id": f"their-{number}", "tool_call": call}


@dataclass
class Account:
    """What one point's kills led to; the figures of a run."""

    events: int = 0
    kills: int = 0
    unknown: int = 0
    unknown_done: int = 0
    repeated_requests: int = 0
    repeated_reports: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.events} events accepted, 0 lost, 0 unapproved, 0 twice; "
            f"{self.unknown} unknown of which {self.unknown_done} had happened; "
            f"{self.repeated_requests} requests repeated under their key, "
            f"{self.repeated_reports} reports repeated"
        )


@dataclass
class Stage:
    """The running parts."""

    place: Place
    provider: Outside
    service: counting.Counting
    intake: str
    client: httpx.Client
    accepted: dict[int, str] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    # How many events came in together last.
    lately: int = 0
    # The actions as they were after each death so far, by their ids.
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def orders(self) -> Any:
        """The file in which a process reads that it is to die."""
        return self.place.tree.folder / "orders"

    def deliver(self, number: int) -> None:
        """As a provider does: the same event again until it is acknowledged."""
        body = _body(event(number))
        give_up = time.monotonic() + SEND_WITHIN_S + self.lately * PER_EVENT_S
        while time.monotonic() < give_up:
            with suppress(httpx.HTTPError):
                headers = signed(body, f"msg_{number}")
                answer = self.client.post(self.intake, content=body, headers=headers)
                if answer.status_code in {200, 202}:
                    self.accepted[number] = answer.json()["event"]
                    return
            time.sleep(0.05)  # between two tries of a provider
        raise AssertionError(f"event {number} was never acknowledged")

    def order(self, point: Point, nth: int) -> None:
        """Let whoever passes this point for the n-th time from now on die there."""
        subject = " act_" if point in {Point.PARTLY_SENT, Point.SENT} else ""
        written = self.orders.with_suffix(".new")
        written.write_text(f"{point}@{nth}{subject}")
        written.rename(self.orders)

    def pid(self, kind: str) -> int:
        """The one process of this kind."""
        (pid,) = until(lambda: self.place.tree.pids(kind), f"there is a {kind}", within_s=60)
        return pid

    def is_gone(self, kind: str, pid: int) -> bool:
        """Whether this process has ended."""
        return pid not in self.place.tree.pids(kind)

    def die(self, point: Point, nth: int, numbers: range) -> None:
        """Deliver these events while somebody dies at the point, and look at everything."""
        kind = "intake" if point in AT_THE_ENTRANCE else "worker"
        pid = self.pid(kind)
        self.order(point, nth)

        def strike() -> set[str]:
            until(lambda: not self.orders.exists(), f"{kind} dies at {point}@{nth}",
                  within_s=SEND_WITHIN_S + self.lately * PER_EVENT_S)  # fmt: skip
            until(lambda: self.is_gone(kind, pid), f"{kind} is gone")
            return self.bury(point) if kind == "worker" else set()

        self.settle(self.struck(numbers, strike))

    def struck(self, numbers: range, strike: Callable[[], set[str]]) -> set[str]:
        """Deliver these events and strike meanwhile; what of it all must end as unknown."""
        self.lately = len(numbers)
        with ThreadPoolExecutor(SENDERS) as pool:
            sent = [pool.submit(self.deliver, number) for number in numbers]
            doubtful = strike()
            for one in sent:
                one.result()
        self.account.kills += 1
        self.account.events += len(numbers)
        return doubtful

    def bury(self, point: Point) -> set[str]:
        """Hold what the worker that has just died was at against the point; see `abandoned`."""
        rows = self.under_way()
        victim = self.victim()
        status = {key: status for key, _, status in rows}.get(victim)
        if point in IN_DOUBT:
            assert status == "sent", (point, victim, rows)
        elif point == Point.INTENT_COMMITTED:
            assert status == "claimed", (point, victim, rows)
        else:
            assert status is None, (point, victim, rows)
        return self.abandoned(rows)

    def under_way(self) -> list[tuple[str, str, str]]:
        """The attempts that are begun and not ended: action, tool, status."""
        return [(action(pk), tool, status) for pk, tool, status in self.sql(UNDER_WAY)]

    def abandoned(self, rows: list[tuple[str, str, str]]) -> set[str]:
        """Move the leases of a worker that is gone, before the next one has begun.

        Gives back the actions of which nobody can know what came of them, from the rows alone.
        """
        self.sql(f"UPDATE approvals_action SET lease_until = '{PAST}' WHERE status = 'executing'")  # noqa: S608
        self.sql(f"UPDATE runs_report SET lease_until = '{PAST}' WHERE status = 'sending'")  # noqa: S608
        return {key for key, tool, status in rows if status == "sent" and TOOLS[tool] == UNSAFE}

    def victim(self) -> str:
        """The action that the process which died last was at, by its own line in the log."""
        line = [line for line in self.place.tree.log().splitlines() if '"failpoint"' in line][-1]
        return next((one for one in re.findall(r"\w+", line) if one.startswith("act_")), "")

    def settle(self, doubtful: set[str] | None) -> None:
        """Wait until nothing more happens by itself, then compare with what must be.

        Without `doubtful` anything that must not be repeated may be unknown, and nothing else.
        """
        until(lambda: self.sql(OPEN_ROWS)[0][0] == 0, "everything is at its end",
              within_s=SETTLE_WITHIN_S + self.lately * PER_EVENT_S, poll_s=0.2)  # fmt: skip
        actions = self.actions()
        self.look_at_events(actions)
        unknown = {one["id"] for one in actions if one["status"] == "unknown"}
        if doubtful is not None:
            assert unknown == doubtful, "unknown is what the dead worker had sent, and no more"
        self.account.unknown += len(unknown)
        effects = self.look_at_effects(actions)
        self.account.unknown_done += len(unknown & set(effects))
        for key in unknown:
            outcome = "succeeded" if key in effects else "failed"
            self.reconcile(key, outcome)
            self.known[key]["status"] = outcome
        until(lambda: self.sql(OPEN_ROWS)[0][0] == 0, "the reconciled ones are reported")
        self.look_at_reports(actions)

    def look_again(self) -> None:
        """Read everything anew and compare it once more: nothing changed behind our back."""
        self.known.clear()
        self.settle(set())

    def actions(self) -> list[Any]:
        """All actions; those that came to their end at an earlier death as they were then."""
        for page in self.place.pages("actions"):
            if page and all(one["id"] in self.known for one in page):
                break  # the newest come first
            for one in page:
                known = self.known.setdefault(one["id"], one)
                assert one["status"] == known["status"], "what has ended stays as it is"
        return list(self.known.values())

    def look_at_events(self, actions: list[Any]) -> None:
        """Accepted = stored = processed = one action each, and the held ones wait."""
        rows = self.sql("SELECT id, event_id, status FROM webhooks_event")
        stored = {
            ids.encode("evt", uuid.UUID(str(pk))): (name, status) for pk, name, status in rows
        }
        assert stored == {
            public: (f"msg_{number}", "processed") for number, public in self.accepted.items()
        }
        assert Counter(one["call_id"] for one in actions) == {
            f"call-{number}": 1 for number in self.accepted
        }
        for one in actions:
            number = int(one["call_id"].removeprefix("call-"))
            wanted = {"pending"} if is_held(number) else {"succeeded", "failed", "unknown"}
            assert one["status"] in wanted, one

    def look_at_effects(self, actions: list[Any]) -> Counter[str]:
        """What the service counted, beside what we say."""
        journal = self.service.journal
        allowed = {one["id"]: one for one in actions if one["status"] != "pending"}
        counted = counting.effects(journal, IDEMPOTENT) + counting.effects(journal, UNSAFE)
        assert set(counted) <= set(allowed), "nothing runs that nobody allowed"
        assert set(counted.values()) <= {1}, "nothing happens twice"
        for key, one in allowed.items():
            if TOOLS[one["tool"]] == IDEMPOTENT:  # never unknown: it is repeated
                assert (counted[key], one["status"]) == (1, "succeeded"), one
            elif one["status"] != "unknown":
                assert counted[key] == (one["status"] == "succeeded"), one
        requests = Counter(one.key for one in counting.lines(journal))
        self.account.repeated_requests = sum(requests.values()) - len(requests)
        return counted

    def look_at_reports(self, actions: list[Any]) -> None:
        """Every result arrived, under one id each, however often it was sent."""
        sent = self.provider.posts("/v1/runs/")
        ended = {one["call_id"] for one in actions if one["status"] != "pending"}
        pairs = {(one.json["tool_call_id"], one.key) for one in sent}
        assert len(pairs) == len(ended)
        assert {call for call, _ in pairs} == ended
        assert len({one.body for one in sent}) == len(ended), "each says the same every time"
        self.account.repeated_reports = len(sent) - len(ended)

    def reconcile(self, key: str, outcome: str) -> None:
        """Settle what is unknown by what the service's own journal says."""
        answer = self.place.api.post(
            f"/actions/{key}/reconcile",
            json={"outcome": outcome, "evidence": "Seen in the service's journal."},
        )
        assert answer.status_code == 200, answer.text

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the tree's database."""
        return self.place.tree.sql(statement)


def action(pk: Any) -> str:
    """The public id of an action's key as the database gives it."""
    return ids.encode("act", uuid.UUID(str(pk)))


def _body(value: dict[str, object]) -> bytes:
    return httpx.Request("POST", "http://x", json=value).content


def passes(point: Point, count: int, lot: random.Random) -> int:
    """At which pass to die while so many events come in."""
    return lot.randint(1, max(1, count // SELDOM.get(point, 2)))


@contextmanager
def stage(
    *,
    effect_s: float = EFFECT_S,
    prepare: Callable[[dict[str, str]], dict[str, str]] = lambda environment: {},
) -> Iterator[Stage]:
    """Entrance, worker and scheduler as processes, the service in another, the provider here.

    `prepare` is that of `started`.
    """
    with ExitStack() as opened:
        provider = opened.enter_context(outside())
        (entrance, port) = free_ports(2)
        allow = [provider.place, f"127.0.0.1:{port}"]
        options = ("--no-demo", "--intake", "1", "--intake-port", str(entrance))
        tree = opened.enter_context(
            started(*options, allow=allow, prepare=lambda environment: prepare(environment) | {
                "COUNTERSIGN_FAILPOINTS": environment["COUNTERSIGN_DATA_DIR"] + "/../orders"
            })
        )  # fmt: skip
        journal = tree.folder / "journal"
        journal.touch()
        service = counting.Counting(journal, port=port)
        opened.enter_context(_process(service, effect_s=effect_s))
        place = configured(tree, provider.url)
        for name, path in TOOLS.items():
            note_tool(place, f"{service.url}{path}", name=name,
                      retry_class=path.removeprefix("/"))  # fmt: skip
        rules = [
            {"name": "held", "when": 'args.note.startsWith("hold")', "verdict": "require_approval"},
            {"name": "free", "when": "true", "verdict": "allow"},
        ]
        place.make("policies", name="notes", comment="For the flow.", rules=rules)
        address = f"http://127.0.0.1:{entrance}{urlsplit(place.webhook_url).path}"
        client = opened.enter_context(httpx.Client(timeout=10))
        yield Stage(place, provider, service, address, client)


@contextmanager
def _process(service: counting.Counting, *, effect_s: float) -> Iterator[None]:
    """The counting service as a process of its own."""
    command = [sys.executable, "-m", "tests.doubles.counting", str(service.port)]
    process = subprocess.Popen(
        [*command, str(service.journal), "--pause", str(effect_s)], cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: _is_open(service.url), "the service is open")
        yield
    finally:
        process.kill()
        process.wait()


def _is_open(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.NOT_IMPLEMENTED
    except httpx.HTTPError:
        return False
