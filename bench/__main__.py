"""`python -m bench`: the intake beside a hand-written receiver, in alternating rounds, as ratios.

Bare figures of one machine mean little; each round measures every candidate and the peer once, and
what counts is the ratio inside a round: its median, and its lowest and highest.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.places import Place
from bench.servers import Candidate, running

PEER = Candidate("fastapi")
# The least that is promised: candidate without workers at 1 KB, as a multiple of the peer.
FLOORS = {"uvicorn": 1.2, "daphne": 0.25}
FLOOR_BYTES = 1024
MEMORY_MB = {"uvicorn": 120.0, "daphne": 250.0}


@dataclass(frozen=True)
class Measured:
    """One candidate in one round."""

    per_s: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    cpu_us: float


Table = dict[tuple[str, int], list[Measured]]


def main() -> int:
    """Measure, print, and fail where a floor is not held."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    place = Place(folder)
    try:
        place.prepare(options.databases)
        with place.queue():
            table = _measure(place, options)
    finally:
        place.close()
        if options.keep:
            print(f"logs in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return _report(table, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sizes", type=_numbers, default=[1024, 8192])
    parser.add_argument("--servers", type=_words, default=["uvicorn", "daphne"])
    parser.add_argument("--databases", type=_words, default=["sqlite", "postgresql"])
    parser.add_argument("--workers", type=_words, default=["stopped", "running"])
    parser.add_argument("--keep", action="store_true", help="keep the servers' logs")
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _candidates(options: argparse.Namespace) -> list[Candidate]:
    return [PEER] + [
        Candidate(server, database, workers == "running")
        for workers in options.workers
        for server in options.servers
        for database in options.databases
    ]


def _measure(place: Place, options: argparse.Namespace) -> Table:
    table: Table = defaultdict(list)
    for number in range(1, options.rounds + 1):
        for candidate in _candidates(options):
            environment = place.environment | {"BENCH_SECRET": place.seeded["secret"]}
            if candidate.database:
                environment["DATABASE_URL"] = place.database(candidate.database)
            with running(candidate, environment, place.folder / "servers.log") as server:
                for size in options.sizes:
                    before = server.cpu_s()
                    found = _load(place, options, port=server.port, size=size)
                    spent = (server.cpu_s() - before) / max(1, found["answers"]) * 1e6
                    measured = Measured(
                        found["per_s"], found["p50_ms"], found["p99_ms"], server.rss_mb(), spent
                    )
                    table[candidate.name, size].append(measured)
                    _progress(number, candidate, size=size, found=found)
    return table


def _load(place: Place, options: argparse.Namespace, *, port: int, size: int) -> dict[str, Any]:
    job = {
        "port": port,
        "path": place.seeded["path"],
        "secret": place.seeded["secret"],
        "bytes": size,
        "seconds": options.seconds,
        "connections": options.connections,
        "run": str(size),
    }
    command = [sys.executable, "-m", "bench.load", json.dumps(job)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def _progress(number: int, candidate: Candidate, *, size: int, found: dict[str, Any]) -> None:
    odd = {code: n for code, n in found["codes"].items() if code != "202"}
    note = f"  answers beside 202: {odd}" if odd else ""
    note += "  generator ran dry" if found["ran_dry"] else ""
    print(
        f"round {number}  {candidate.name:<36} {size:>6} B {found['per_s']:>8,.0f}/s "
        f"p50 {found['p50_ms']:.1f} p99 {found['p99_ms']:.1f} ms{note}",
        flush=True,
    )


def _report(table: Table, options: argparse.Namespace) -> int:
    failed = 0
    for size in options.sizes:
        peers = table[PEER.name, size]
        print(f"\n{size} bytes, {options.connections} connections, {options.rounds} rounds")
        print(f"{'':36} {'per second':>10} {'p99 ms':>7} {'cpu us':>7} {'MB':>5}   x FastAPI")
        for candidate in _candidates(options):
            rows = table[candidate.name, size]
            ratios = [row.per_s / peer.per_s for row, peer in zip(rows, peers, strict=True)]
            verdict = _verdict(candidate, size, ratios=ratios, rows=rows)
            failed += "BELOW" in verdict or "ABOVE" in verdict
            print(
                f"{candidate.name:<36} {_median(row.per_s for row in rows):>10,.0f} "
                f"{_median(row.p99_ms for row in rows):>7.1f} "
                f"{_median(row.cpu_us for row in rows):>7.0f} "
                f"{max(row.rss_mb for row in rows):>5.0f}   {_median(ratios):.2f} "
                f"({min(ratios):.2f}-{max(ratios):.2f}){verdict}"
            )
    return 1 if failed else 0


def _verdict(candidate: Candidate, size: int, *, ratios: list[float], rows: list[Measured]) -> str:
    if candidate.server not in FLOORS:
        return ""
    notes = ""
    if size == FLOOR_BYTES and not candidate.has_worker:
        floor = FLOORS[candidate.server]
        notes += f"  {'holds' if _median(ratios) >= floor else 'BELOW'} {floor}"
    limit = MEMORY_MB[candidate.server]
    if max(row.rss_mb for row in rows) > limit:
        notes += f"  ABOVE {limit:.0f} MB"
    return notes


def _median(values: Any) -> float:
    return statistics.median(list(values))


if __name__ == "__main__":
    sys.exit(main())
