"""T51: the disk is full in the middle of a burst, and has room again later.

Database, write-ahead log, the queue's files, published heads and the processes' own lines are all
on it. Nobody repairs or starts anything afterwards.
"""

import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.certificates import TRUSTED
from tests.doubles import counting
from tests.doubles.counting import IDEMPOTENT, UNSAFE
from tests.factories.tools import TEXT, strict
from tests.flows import outages
from tests.flows.crash import Stage, stage
from tests.flows.scenes import Place
from tests.flows.tree import until
from tests.small_disk import Ballast, mounted, skip_unless_mountable

pytestmark = [
    pytest.mark.flow,
    pytest.mark.long,
    pytest.mark.skipif(
        os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="SQLite's data folder"
    ),
]
MEGABYTES, OF_POSTGRES = 32, 200
BURST = 300
# So that approved calls wait, and some are on their way, in the moment the disk is full.
EFFECT_S = 1.0
REFUSALS = 40
TRIES = 10
TRY_AGAIN = 503
BEFORE, AFTER = range(50), range(50 + BURST, 70 + BURST)
HEALTHY_WITHIN_S = 30.0
CHILDREN = ("web", "intake", "worker", "scheduler", "redis")
# The rows that an agent's or a person's request would have made or changed.
OF_THE_OTHERS = (
    "SELECT id, status, version FROM approvals_action WHERE environment_id = '{}' ORDER BY id",
    "SELECT id, slug, version FROM agents_agent WHERE environment_id = '{}' ORDER BY id",
    "SELECT id, turned_off_at FROM approvals_killswitch WHERE environment_id = '{}' ORDER BY id",
    "SELECT id, key, status FROM tenants_idempotencykey WHERE environment_id = '{}' ORDER BY id",
)
# Of the calls that nobody has to allow: not begun, and begun without a result.
WAITING = "SELECT count(*) FROM approvals_action WHERE status = 'approved'"
UNDER_WAY = "SELECT count(*) FROM approvals_execution WHERE status IN ('claimed', 'sent')"


class Heard(httpx.Client):
    """A sender that counts what it is told."""

    def __init__(self) -> None:
        super().__init__(timeout=10)
        self.answers: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self.lock = threading.Lock()

    def post(self, *args: Any, **options: Any) -> httpx.Response:
        """The answer; one that asks to come again says when."""
        try:
            answer = super().post(*args, **options)
        except httpx.HTTPError as error:
            with self.lock:
                self.failures[type(error).__name__] += 1
            raise
        with self.lock:
            self.answers[answer.status_code] += 1
        if answer.status_code == TRY_AGAIN:
            assert answer.headers["retry-after"] == "5"
        return answer


@dataclass
class Others:
    """A second tenant, whose agent and admin ask for changes while the disk is full."""

    place: Place
    agent: httpx.Client
    environment: str
    answers: Counter[int] = field(default_factory=Counter)
    # Requests that ended with the process which was to answer them.
    failures: int = 0
    asked: int = 0

    def rows(self) -> list[list[tuple[Any, ...]]]:
        """What is stored of them."""
        return [self.place.tree.sql(one.format(self.environment)) for one in OF_THE_OTHERS]

    def ask(self) -> None:
        """One request of each kind; one that is refused must leave nothing behind."""
        self.asked += 1
        name = f"asked-{self.asked}"
        call = {"tool": "write_note", "arguments": {"note": name}, "call_id": name}
        self._try(self.agent, "/actions", call, {"Idempotency-Key": name})
        self._try(self.agent, "/actions", call | {"call_id": f"{name}-without-key"}, {})
        self._try(self.place.api, "/agents", {"slug": name, "name": name}, {})
        switch = {"scope": "environment", "on": self.asked % 2 == 1, "reason": "The disk is full."}
        self._try(self.place.api, "/kill-switch", switch, {})

    def _try(self, client: httpx.Client, path: str, body: Any, headers: dict[str, str]) -> None:
        before = self.rows()
        try:
            answer = client.post(path, json=body, headers=headers)
        except httpx.HTTPError:
            self.failures += 1
            return
        self.answers[answer.status_code] += 1
        if not answer.is_success:
            assert self.rows() == before, f"{path} was refused and has changed something"


def second_tenant(here: Stage) -> Others:
    tree = here.place.tree
    place = Place(tree, tree.client(tree.bootstrap("quay", "bo@example.com")["api_key"]), "")
    place.make(
        "tools", name="write_note", input_schema=strict(note=TEXT), side_effect="write", risk="low",
        retry_class="unsafe", connector="http", operation="request",
        config={"method": "POST", "url": f"{here.service.url}{UNSAFE}"}, effect="Write {{ note }}",
    )  # fmt: skip
    key = place.make("api-keys", name="robot")["key"]
    newest = "SELECT environment_id FROM agents_agent ORDER BY created_at DESC LIMIT 1"
    ((environment,),) = tree.sql(newest)
    return Others(place, tree.client(key), environment)


@pytest.fixture
def disk() -> Iterator[ExitStack]:
    """What is taken down after the tree is gone."""
    skip_unless_mountable()
    with ExitStack() as kept:
        yield kept


def moved(kept: ExitStack, environment: dict[str, str]) -> dict[str, str]:
    """Put the data folder, with what is in it, and the processes' lines on a small disk."""
    data = Path(environment["COUNTERSIGN_DATA_DIR"])
    found = {file.name: file.read_bytes() for file in data.iterdir()}
    kept.callback(shutil.rmtree, data.parent, ignore_errors=True)
    kept.enter_context(mounted(data, megabytes=MEGABYTES))
    for name, content in found.items():
        (data / name).write_bytes(content)
    (data.parent / "tree.log").symlink_to(data / "tree.log")
    return {}


def ready(here: Stage, query: str = "") -> int:
    """What `/readyz` says; 0 where nobody answers."""
    url = f"{here.place.tree.url}/readyz{query}"
    try:
        return httpx.get(url, timeout=10, verify=TRUSTED).status_code
    except httpx.HTTPError:
        return 0


def effects(here: Stage) -> Counter[str]:
    """How often the service did each action."""
    journal = here.service.journal
    return counting.effects(journal, IDEMPOTENT) + counting.effects(journal, UNSAFE)


@dataclass
class Full:
    """The disk becomes full while events come in, stays so for a while, and has room again."""

    here: Stage
    heard: Heard
    others: Others
    dying: tuple[str, ...]
    figures: dict[str, object] = field(default_factory=dict)

    def __call__(self) -> set[str]:
        """For `Stage.struck`; whoever still sends when something is wrong gives up."""
        try:
            self._happen()
        except BaseException:
            self.heard.close()
            raise
        return set()

    def _happen(self) -> None:
        ballast = Ballast(self.here.place.tree.data_dir / "ballast")
        wanted = len(BEFORE) + BURST // 3
        until(lambda: len(self.here.accepted) >= wanted, "a third is acknowledged")
        began = time.monotonic()
        self._until_refused(ballast)
        self.figures["waiting calls"] = self.here.sql(WAITING)[0][0]
        self.figures["calls under way"] = self.here.sql(UNDER_WAY)[0][0]
        for kind in self.dying:
            self.here.place.tree.kill(kind)
        for _ in range(TRIES):
            ballast.fill()
            self.others.ask()
        self._look()
        ballast.lift()
        lifted = time.monotonic()
        self.figures["seconds full"] = round(lifted - began, 1)
        until(lambda: ready(self.here) == httpx.codes.OK, "all is well", within_s=HEALTHY_WITHIN_S)
        self.figures["seconds until ready"] = round(time.monotonic() - lifted, 1)

    def _until_refused(self, ballast: Ballast) -> None:
        """SQLite overwrites the room that its log has; what becomes free is filled again."""

        def is_full() -> bool:
            ballast.fill()
            return self.heard.answers[TRY_AGAIN] >= REFUSALS

        until(is_full, "deliveries are refused", within_s=60)

    def _look(self) -> None:
        """Acknowledged is stored, done was intended, nobody says that all is well."""
        here = self.here
        acknowledged, done = set(here.accepted), set(effects(here))
        stored = {row[0] for row in here.sql("SELECT event_id FROM webhooks_event")}
        assert {f"msg_{number}" for number in acknowledged} <= stored
        sent = here.sql("SELECT idempotency_key FROM approvals_execution WHERE sent_at IS NOT NULL")
        assert done <= {row[0] for row in sent}
        assert ready(here) == TRY_AGAIN
        until(lambda: ready(here, "?check=database") == TRY_AGAIN, "the database is found full")
        for kind in CHILDREN:
            until(lambda kind=kind: here.place.tree.pids(kind), f"{kind} is there or there again")


def look_at_answers(full: Full) -> None:
    """Senders heard yes or to come again; whoever asked for a change meanwhile heard 5xx."""
    assert set(full.heard.answers) <= {200, 202, TRY_AGAIN}
    assert min(full.others.answers) >= httpx.codes.INTERNAL_SERVER_ERROR, full.others.answers
    if not full.dying:
        assert not full.heard.failures
        assert not full.others.failures


def figures(full: Full, refused: int, answers: int) -> str:
    """What this run came to."""
    account, broken_off = full.here.account, sum(full.heard.failures.values())
    return (
        f"\nT51 {len(full.dying)} processes killed while it was full: {full.figures}; "
        f"{refused} deliveries told to come again, {broken_off} broken off, "
        f"{answers} of {4 * TRIES} requests refused, {full.others.failures} broken off; "
        f"{account.events} events accepted, 0 lost, 0 unapproved, 0 twice; {account.unknown} "
        f"unknown of which {account.unknown_done} had happened; {account.repeated_requests} "
        f"requests repeated under their key"
    )


@pytest.mark.parametrize("dying", [(), CHILDREN], ids=["nobody_dies", "everybody_dies"])
def test_full_disk_loses_and_repeats_nothing(
    disk: ExitStack, dying: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with stage(effect_s=EFFECT_S, prepare=lambda found: moved(disk, found)) as here:
        heard = here.client = disk.enter_context(Heard())
        others = second_tenant(here)
        here.settle(here.struck(BEFORE, set))
        full = Full(here, heard, others, dying)

        here.struck(range(len(BEFORE), AFTER.start), full)
        look_at_answers(full)
        refused, answers = heard.answers[TRY_AGAIN], sum(others.answers.values())
        here.settle(None)
        # Nothing was repaired, and everything is taken again.
        others.answers.clear()
        others.ask()
        others.ask()
        assert set(others.answers) == {200, 201}
        here.settle(here.struck(AFTER, set))
        here.look_again()
        assert heard.answers[TRY_AGAIN] == refused
        assert "WRONG" not in here.place.tree.manage("audit_verify")
        with capsys.disabled():
            print(figures(full, refused, answers))  # noqa: T201 - this run's


def test_full_disk_of_postgres_loses_and_repeats_nothing(
    disk: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may end by itself when it cannot write; then whoever keeps it running starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-disk-"))
    disk.callback(folder.rmdir)
    disk.enter_context(mounted(folder, megabytes=OF_POSTGRES))
    folder.chmod(0o755)  # it runs as a user of its own
    database = disk.enter_context(outages.database(folder))
    with stage(effect_s=EFFECT_S, prepare=lambda _: {"DATABASE_URL": database.url}) as here:
        heard = here.client = disk.enter_context(Heard())
        here.settle(here.struck(BEFORE, set))
        here.struck(range(len(BEFORE), AFTER.start), partial(full_of_postgres, here, database))
        assert set(heard.answers) <= {200, 202, TRY_AGAIN}
        here.settle(None)
        here.settle(here.struck(AFTER, set))
        here.look_again()
        assert "WRONG" not in here.place.tree.manage("audit_verify")
        with capsys.disabled():
            account = here.account
            print(  # noqa: T201 - this run's figure
                f"\nT51 PostgreSQL: {dict(heard.answers)} heard, {dict(heard.failures)}; "
                f"{account.events} events accepted, 0 lost, 0 unapproved, 0 twice; "
                f"{account.unknown} unknown of which {account.unknown_done} had happened"
            )


def full_of_postgres(here: Stage, database: outages.Database) -> set[str]:
    """As `Full`; nobody can look into the database meanwhile, as it takes no new connections.

    What it answers is not asked: small changes of rows in place still succeed, so it may seem well.
    """
    heard, ballast = here.client, Ballast(database.folder.parent / "ballast")
    assert isinstance(heard, Heard)

    def is_full() -> bool:
        ballast.fill()
        return heard.answers[TRY_AGAIN] + sum(heard.failures.values()) >= REFUSALS

    try:
        wanted = len(BEFORE) + BURST // 3
        until(lambda: len(here.accepted) >= wanted, "a third is acknowledged")
        until(is_full, "deliveries are refused", within_s=120)
        ballast.lift()
        database.start()
        until(lambda: ready(here) == httpx.codes.OK, "all is well", within_s=60)
    except BaseException:
        heard.close()
        raise
    return set()
