"""What the transactions of an execution cost by themselves: the same statements, and nothing else.

The worker executes a backlog in a copy of the database, and every statement is written down. On
another copy a bare loop sends the same statements with the same values over a plain connection,
with as many durable commits, and one call over a new connection before the last transaction.
What lies between the two rates is ours: deciding what to ask, and making objects of the answers.
A third loop calls the worker's own transactions without queue, news and other processes: what lies
between it and the worker is what those cost.
"""

import argparse
import http.client
import pickle
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

# Statements of one execution, with their values.
Statements = list[tuple[str, tuple[Any, ...]]]
RECORD, REPLAY, DIRECT = "record", "replay", "direct"
FILE, COPY, STEPS = "base.sqlite3", "copy.sqlite3", "steps.pickle"
ALL_ON = "UPDATE approvals_killswitch SET turned_off_at = datetime('now')"


def prepare(database: Path, folder: Path, environment: dict[str, str]) -> None:
    """Copy a database whose backlog waits behind the kill switch, and write the statements down."""
    with closing(sqlite3.connect(database)) as source, closing(_copy_of(folder / FILE)) as copy:
        source.backup(copy)
        with copy:
            copy.execute(ALL_ON)
    _run(folder, environment, RECORD)


def per_s(folder: Path, environment: dict[str, str], *, place: str) -> float:
    """Journeys a second of the bare loop; `place` is the service that each calls once."""
    return float(_run(folder, environment, REPLAY, "--place", place))


def direct_per_s(folder: Path, environment: dict[str, str]) -> float:
    """Actions a second that a loop executes one after the other, with nothing around it."""
    return float(_run(folder, environment, DIRECT))


def _copy_of(path: Path) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    return sqlite3.connect(path)


def _run(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """In a process of its own: a connection to the copy, with the settings of the tree."""
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{COPY}{suffix}").unlink(missing_ok=True)
    shutil.copy(folder / FILE, folder / COPY)
    command = [sys.executable, "-m", "bench.replaying", str(folder), *arguments]
    environment = environment | {"DATABASE_URL": f"sqlite:///{folder / COPY}"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def _record(folder: Path) -> None:
    from django.db import connection  # noqa: PLC0415 - after setup

    from approvals import executor  # noqa: PLC0415

    journeys: list[Statements] = []

    def note(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        journeys[-1].append((sql, tuple(params or ())))
        return execute(sql, params, many, context)

    due = _due()
    for key in due:
        journeys.append([])
        with connection.execute_wrapper(note):
            executor.execute(key)
    _check_carried_out(due)
    (folder / STEPS).write_bytes(pickle.dumps(journeys))


def _direct() -> float:
    from approvals import executor  # noqa: PLC0415 - after setup

    due = _due()
    began = time.perf_counter()
    for key in due:
        executor.execute(key)
    took = time.perf_counter() - began
    _check_carried_out(due)
    return len(due) / took


def _due() -> list[str]:
    from approvals.models import Action  # noqa: PLC0415 - after setup
    from approvals.states import ActionStatus  # noqa: PLC0415

    due = Action.objects.filter(status=ActionStatus.APPROVED).order_by("pk")
    return [str(key) for key in due.values_list("pk", flat=True)]


def _check_carried_out(due: list[str]) -> None:
    from approvals.models import Action  # noqa: PLC0415 - after setup
    from approvals.states import ActionStatus  # noqa: PLC0415

    done = Action.objects.filter(pk__in=due, status=ActionStatus.SUCCEEDED).count()
    assert done == len(due), f"{done} of {len(due)} were carried out"


def _replay(folder: Path, place: str) -> float:
    from django.db import connection  # noqa: PLC0415 - after setup

    connection.ensure_connection()
    # Django's own connection beneath its wrappers: statements use functions that it registers.
    plain = connection.connection
    journeys = pickle.loads((folder / STEPS).read_bytes())  # noqa: S301 - written by us, just now
    ready = [_transactions(journey) for journey in journeys]
    began = time.perf_counter()
    for transactions in ready:
        for transaction in transactions[:-1]:
            _send(plain, transaction)
        _call(place)
        _send(plain, transactions[-1])
    return len(ready) / (time.perf_counter() - began)


def _transactions(journey: Statements) -> list[Statements]:
    """The statements as the driver wants them, one list for each commit; reads may stand alone."""
    found: list[Statements] = [[]]
    for sql, values in journey:
        if sql.startswith("BEGIN"):
            found.append([])
        found[-1].append((sql.replace("%s", "?").replace("%%", "%"), values))
    return [one for one in found if one]


def _send(plain: sqlite3.Connection, statements: Statements) -> None:
    for sql, values in statements:
        plain.execute(sql, values).fetchall()
    if plain.in_transaction:
        plain.execute("COMMIT")


def _call(place: str) -> None:
    connection = http.client.HTTPConnection(place, timeout=30)
    headers = {"Idempotency-Key": f"bare-{time.time_ns()}", "Content-Type": "application/json"}
    connection.request("POST", "/idempotent", b'{"note":"bare"}', headers)
    connection.getresponse().read()
    connection.close()


def _main() -> None:
    import django  # noqa: PLC0415 - the environment comes first

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=[RECORD, REPLAY, DIRECT])
    parser.add_argument("--place", default="")
    options = parser.parse_args()
    django.setup()
    if options.what == RECORD:
        _record(options.folder)
    elif options.what == DIRECT:
        print(_direct(), flush=True)
    else:
        print(_replay(options.folder, options.place), flush=True)


if __name__ == "__main__":
    _main()
