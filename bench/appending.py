"""What a record costs: the same insert, with its audit record in the transaction and without.

`python -m bench.appending`: an agent is created by its service, each time in a transaction of its
own, on a database whose every commit is durable. The two take turns, and what counts is the ratio
inside a round. Without audit means that only the record is left out. Beside it stands the ratio of
the processor's time that this process took (with SQLite that is all of it), because a machine that
others use tells little by its clock.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.places import OURS, Place

ROUNDS = 7
EACH = 150
GOAL = 0.7
KINDS = ("sqlite", "postgresql")
MEASURE = "measure"


def main() -> int:
    """Measure on both databases and print; 0, as the goal is of a quiet machine."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    place = Place(folder)
    try:
        place.prepare(list(KINDS), [OURS])
        for kind in KINDS:
            environment = place.environment | {"DATABASE_URL": place.database(kind)}
            command = [sys.executable, "-m", "bench.appending", MEASURE]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            print(line(kind, json.loads(done.stdout)), flush=True)
    finally:
        place.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def line(kind: str, rounds: list[list[float]]) -> str:
    """What is printed of one database.

    Each round is inserts a second with and without, and seconds of processor with and without.
    """
    ratios = [ours / bare for ours, bare, _, _ in rounds]
    ratio = statistics.median(ratios)
    processor = statistics.median(bare / ours for _, _, ours, bare in rounds)
    ours, bare, *_ = (statistics.median(column) for column in zip(*rounds, strict=True))
    verdict = "reached" if ratio >= GOAL else "not reached"
    return (
        f"append with audit, {kind}: {ratio:.2f} × the same insert without "
        f"({min(ratios):.2f} to {max(ratios):.2f}; {ours:.0f} and {bare:.0f}/s; "
        f"{processor:.2f} × by this process's processor time; load "
        f"{os.getloadavg()[0]:.1f}; goal {GOAL} ×: {verdict})"
    )


def measure() -> list[list[float]]:
    """Rounds of inserts with and without, in this process's database."""
    import django  # noqa: PLC0415 - the environment comes first

    django.setup()
    from audit import services as audit  # noqa: PLC0415 - after setup
    from gateway.agents import services as agents  # noqa: PLC0415
    from gateway.tenants.models import Environment  # noqa: PLC0415

    environment = Environment.objects.select_related("tenant").get()
    record: Callable[..., Any] = audit.record
    count = 0
    rounds = []
    for _ in range(ROUNDS + 1):
        rates, processor = [], []
        for kept in (record, lambda *_, **__: None):
            audit.record = kept
            begun, spent = time.perf_counter(), time.process_time()
            for _ in range(EACH):
                count += 1
                agents.create(environment, slug=f"agent-{count}", name="Agent")
            rates.append(EACH / (time.perf_counter() - begun))
            processor.append(time.process_time() - spent)
        rounds.append([*rates, *processor])
    return rounds[1:]  # the first one warms up


if __name__ == "__main__":
    if sys.argv[1:] == [MEASURE]:
        print(json.dumps(measure()))
    else:
        sys.exit(main())
