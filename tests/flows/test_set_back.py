"""T60: a backup is restored over newer work. It is told exactly, and nothing that ran runs again.

When the backup is made some actions are approved and wait for a worker; afterwards they and many
others are carried out. The restored database knows nothing of that.
"""

import os
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from audit.checkpoints import parse
from tests.doubles import counting
from tests.doubles.counting import IDEMPOTENT, UNSAFE
from tests.flows import outages
from tests.flows.crash import OPEN_ROWS, TOOLS, Stage, stage
from tests.flows.tree import ROOT, until
from tests.migrated import MANAGE, SQLITE

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(
        os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="a backup that is a file"
    ),
]
SWITCH = {"scope": "environment", "reason": "The backup is made in this moment."}
WITHIN_S = 60.0
PER_EVENT_S = 0.3


def numbers(first: int, count: int) -> list[int]:
    """Events of which none waits for a person."""
    return [first + 10 * (number // 8) + number % 8 for number in range(count)]


def switch(here: Stage, *, on: bool) -> None:
    answer = here.place.api.post("/kill-switch", json=SWITCH | {"on": on})
    assert answer.status_code == 200, answer.text


def deliver(here: Stage, wanted: list[int]) -> None:
    for number in wanted:
        here.deliver(number)


def are_done(here: Stage, *, count: int) -> None:
    until(lambda: here.sql(OPEN_ROWS)[0][0] == 0, "everything is at its end",
          within_s=WITHIN_S + count * PER_EVENT_S)  # fmt: skip


def backed_up(here: Stage, waiting: list[int], to: Path) -> None:
    """A copy of the database in which these are approved, and nobody keeps them from running."""
    switch(here, on=True)
    deliver(here, waiting)
    approved = "SELECT count(*) FROM approvals_action WHERE status = 'approved'"
    until(lambda: here.sql(approved)[0][0] == len(waiting), "all are approved", within_s=WITHIN_S)
    database = here.place.tree.data_dir / SQLITE
    with outages.paused(here.pid("worker"), database):
        switch(here, on=False)
        with closing(sqlite3.connect(database)) as own, closing(sqlite3.connect(to)) as copy:
            own.backup(copy)


def leaves(database: Path) -> dict[str, int]:
    """How many records have their place in each log."""
    with closing(sqlite3.connect(database)) as opened:
        return dict(opened.execute("SELECT log, count(*) FROM audit_leaf GROUP BY log"))


def published(here: Stage) -> dict[str, int]:
    """How many leaves the newest published head of each log has."""
    heads = (here.place.tree.data_dir / "audit").glob("*/newest")
    return {path.parent.name: parse(path.read_text(encoding="utf-8")).size for path in heads}


def effects(here: Stage) -> Counter[str]:
    journal = here.service.journal
    return counting.effects(journal, IDEMPOTENT) + counting.effects(journal, UNSAFE)


def restore(here: Stage, backup: Path) -> None:
    """As an operator does: everything is stopped, the file is replaced, everything is started."""
    tree = here.place.tree
    tree.stop()
    database = tree.data_dir / SQLITE
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    database.write_bytes(backup.read_bytes())
    tree.start()


def verified(here: Stage) -> tuple[int, str]:
    done = subprocess.run(
        [*MANAGE, "audit_verify"], env=here.place.tree.environment, cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def set_back(*, waiting: int, after: int) -> None:
    with stage() as here:
        backup = here.place.tree.folder / "backup.sqlite3"
        early = numbers(0, waiting)
        backed_up(here, early, backup)
        deliver(here, numbers(10_000, after))
        are_done(here, count=waiting + after)
        before = effects(here)
        assert len(before) == waiting + after
        had, log = leaves(backup), "system"
        until(lambda: published(here).get(log, 0) > had.get(log, 0), "a newer head is published",
              within_s=WITHIN_S)  # fmt: skip
        heads = published(here)

        restore(here, backup)
        on = "SELECT count(*) FROM approvals_killswitch WHERE turned_off_at IS NULL"
        until(lambda: here.sql(on)[0][0] > 0, "everything is stopped", within_s=WITHIN_S)
        told_exactly(here, had, heads)
        # What comes in now is judged and approved as ever, so workers do work; and nothing runs.
        deliver(here, numbers(20_000, waiting))
        approved = "SELECT count(*) FROM approvals_action WHERE status = 'approved'"
        until(lambda: here.sql(approved)[0][0] == 2 * waiting, "the new ones are approved as well",
              within_s=WITHIN_S)  # fmt: skip
        assert effects(here) == before, "nothing runs before people have looked"
        assert "database_set_back" in here.place.tree.log()

        look_and_go_on(here, before)
        are_done(here, count=2 * waiting)
        assert set(effects(here).values()) == {1}, "nothing happened twice"
        assert len(effects(here)) == 2 * waiting + after


def told_exactly(here: Stage, had: dict[str, int], heads: dict[str, int]) -> None:
    """Both sizes of each log that is short; it may have grown by the records of the start."""
    code, said = verified(here)
    assert code == 1, said
    short = [log for log, size in heads.items() if size > had.get(log, 0)]
    assert short
    for log in short:
        assert f"{heads[log]} leaves" in said, said


def look_and_go_on(here: Stage, before: Counter[str]) -> None:
    """What happened and must not be repeated is canceled; then the environment goes on."""
    for one in here.place.items("actions", status="approved"):
        if one["id"] in before and TOOLS[one["tool"]] == UNSAFE:
            answer = here.place.api.post(f"/actions/{one['id']}/cancel")
            assert answer.status_code == 200, answer.text
    (here.place.tree.data_dir / "audit").rename(here.place.tree.folder / "published-before")
    switch(here, on=False)


def test_restored_backup_runs_nothing_until_people_have_looked() -> None:
    set_back(waiting=12, after=20)


@pytest.mark.release
def test_restored_backup_after_a_thousand_events_runs_nothing_again() -> None:
    set_back(waiting=100, after=1000)
