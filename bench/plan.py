"""What is measured of whom, and the measuring."""

import argparse
import json
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.book import BURST, DRAIN, DUPLICATES, FIXED, LARGE, Book, Measured
from bench.calm import Calm
from bench.drain import drained_per_s
from bench.goals import MAXIMAL, SMALL
from bench.limits import commits_per_s
from bench.peers import hook
from bench.places import Place
from bench.servers import Candidate, Running, running

PEER = Candidate("fastapi")
# What is measured beside FastAPI is measured in so many slices, each next to one of FastAPI's.
SLICES = 3
RATE_PER_S = 200.0
FIXED_S = 3.0
# Those at the fixed rate, and before them what warms up.
FIXED_COUNT = int(RATE_PER_S * FIXED_S) + 8000
LARGE_COUNT = 192
LARGE_S = 30.0
# Known events are sent over and over: so many different ones.
KNOWN = 2000


@dataclass(frozen=True)
class Step:
    """One start of one candidate, and the figures that are taken of it."""

    candidate: Candidate
    figures: tuple[str, ...]
    sizes: tuple[int, ...]


def steps(options: argparse.Namespace, number: int) -> list[Step]:
    """The steps of this round; those beside each other are compared most."""
    small = tuple(options.sizes[:1])
    found = [Step(Candidate("fastapi"), (BURST, FIXED), tuple(options.sizes))]
    if "stopped" in options.workers:
        for server in options.servers:
            figures = (BURST, DUPLICATES, FIXED) if server == "uvicorn" else (BURST,)
            sizes = tuple(options.sizes) if server == "uvicorn" else small
            found += [Step(Candidate(server, kind), figures, sizes) for kind in options.databases]
    if "running" in options.workers:
        found += [
            Step(Candidate("uvicorn", kind, has_worker=True), (BURST,), small)
            for kind in options.databases
        ]
    for peer in options.peers:
        kinds = [""] if peer == hook.NAME else options.databases
        found += [Step(Candidate(peer, kind), (BURST,), small) for kind in kinds]
    ours = [Candidate("uvicorn", kind) for kind in options.databases]
    found += [Step(each, (DRAIN,), (SMALL,)) for each in ours]
    if number == 1:
        found += [Step(each, (LARGE,), (MAXIMAL,)) for each in ours]
    return [step for step in found if set(step.figures) & set(options.figures)]


class Measuring:
    """Carries steps out and writes down what they gave."""

    def __init__(self, place: Place, options: argparse.Namespace) -> None:
        self.place = place
        self.options = options
        self.book = Book()
        self.calm = Calm(options.patience)

    def round(self, number: int) -> None:
        """Measure every candidate once."""
        with running(PEER, self.place) as peer:
            self.peer = peer
            self._steps(number)

    def _steps(self, number: int) -> None:
        for step in steps(self.options, number):
            if step.candidate.server == "limit":
                self._limit(number, step)
                continue
            with running(step.candidate, self.place) as server:
                for size in step.sizes:
                    self._figures(number, step, server=server, size=size)
            if DRAIN in step.figures:
                self._drain(number, step)

    def _figures(self, number: int, step: Step, *, server: Running, size: int) -> None:
        answers = 0
        for figure in step.figures:
            is_taken = figure in self.options.figures and (
                figure == BURST or size in step.sizes[:1]
            )
            if not is_taken:
                continue
            job = self._job(step.candidate, figure, server=server, size=size, known=answers)
            if figure == BURST and step.candidate.is_ours:
                rows = [self._sliced(server, job)]
            elif figure == FIXED and step.candidate.is_ours:
                rows = self._apart(server, job)
            else:
                rows = [(self._taken(server, job), 0.0)]
            answers = rows[0][0]["answers"] if figure == BURST else answers
            # The backlog that a worker drains comes in like anything else, but is no figure.
            title = "filling" if figure == DRAIN else figure
            for found, beside in rows:
                measured = _measured(found, beside, peak_mb=server.peak_mb())
                self._say(number, step.candidate, title, size=size, measured=measured,
                          note=_note(job, found))  # fmt: skip
                if figure != DRAIN:
                    self.book.add(step.candidate, figure, size=size, measured=measured)

    def _taken(self, server: Running, job: dict[str, Any]) -> dict[str, Any]:
        before = server.cpu_s()
        found = _load(job)
        found["cpu_us"] = (server.cpu_s() - before) / max(1, found["answers"]) * 1e6
        return found

    def _sliced(self, server: Running, job: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Ours in slices, each next to one of FastAPI's, and the rate that those stand for.

        Other people's work comes and goes within seconds: what is to be compared has to be close.
        """
        pairs = self._pairs(server, job)
        found = _together([ours for ours, _ in pairs])
        ratio = statistics.median(ours["per_s"] / peer["per_s"] for ours, peer in pairs)
        return found, found["per_s"] / ratio

    def _apart(self, server: Running, job: dict[str, Any]) -> list[tuple[dict[str, Any], float]]:
        """Slices that each count for themselves, with the slowest hundredth of FastAPI's beside.

        A virtual disk answers now and then after 0.1 to 0.5 s whatever it is asked, which is more
        than a hundredth of three seconds: put together, all would say what the worst moment was.
        """
        return [(ours, peer["p99_ms"]) for ours, peer in self._pairs(server, job)]

    def _pairs(
        self, server: Running, job: dict[str, Any]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found = []
        for number in range(SLICES):
            with server.worker_stopped():
                self.calm.wait()
                peer = _load(job | {"port": self.peer.port})
            # What is sent again and again later is what the first slice sent.
            own = job if number == 0 else job | {"run": f"{job['run']}-{number}"}
            found.append((self._taken(server, own), peer))
        return found

    def _job(
        self, candidate: Candidate, figure: str, *, server: Running, size: int, known: int
    ) -> dict[str, Any]:
        job = {
            "port": server.port,
            **self.place.seeded,
            "bytes": size,
            "seconds": self.options.seconds,
            "connections": self.options.connections,
            "run": str(size),
            "scheme": "github" if candidate.server == hook.NAME else "standard",
        }
        changes: dict[str, dict[str, Any]] = {
            DUPLICATES: {"count": max(1, min(KNOWN, known)), "repeats": True},
            FIXED: {"run": "fixed", "rate": RATE_PER_S, "seconds": FIXED_S, "count": FIXED_COUNT},
            LARGE: {"count": LARGE_COUNT, "seconds": LARGE_S, "warm_s": 0.0},
            DRAIN: {"count": self.options.backlog, "seconds": LARGE_S, "warm_s": 0.0},
        }
        return job | changes.get(figure, {})

    def _limit(self, number: int, step: Step) -> None:
        for size in step.sizes:
            found = commits_per_s(
                self.place, step.candidate.database, size=size, seconds=self.options.seconds,
                connections=self.options.connections,
            )  # fmt: skip
            self._keep(number, step.candidate, BURST, size=size, measured=Measured(found))

    def _drain(self, number: int, step: Step) -> None:
        found = drained_per_s(self.place, self.place.url(step.candidate.database))
        self._keep(number, step.candidate, DRAIN, size=SMALL, measured=Measured(found))

    def _keep(
        self, number: int, candidate: Candidate, figure: str, *, size: int, measured: Measured
    ) -> None:
        self.book.add(candidate, figure, size=size, measured=measured)
        self._say(number, candidate, figure, size=size, measured=measured)

    @staticmethod
    def _say(
        number: int,
        candidate: Candidate,
        figure: str,
        *,
        size: int,
        measured: Measured,
        note: str = "",
    ) -> None:
        print(
            f"round {number}  {candidate.name:<46} {figure:<10} {size:>7} B "
            f"{measured.per_s:>8,.0f}/s  "
            f"p50 {measured.p50_ms:.1f} p99 {measured.p99_ms:.1f} ms{note}",
            file=sys.stderr,
            flush=True,
        )


def _measured(found: dict[str, Any], beside: float, *, peak_mb: float) -> Measured:
    return Measured(
        found["per_s"], found["p50_ms"], found["p99_ms"], peak_mb, found["cpu_us"], beside
    )


def _load(job: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.load", json.dumps(job)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def _together(slices: list[dict[str, Any]]) -> dict[str, Any]:
    """The slices as one: medians, with the codes of all and the answers of the first."""
    medians = {
        name: statistics.median(each[name] for each in slices)
        for name in ("per_s", "p50_ms", "p99_ms", "cpu_us")
    }
    codes = sum((Counter(each["codes"]) for each in slices), Counter())
    ran_dry = any(each["ran_dry"] for each in slices)
    return {**medians, "codes": codes, "ran_dry": ran_dry, "answers": slices[0]["answers"]}


def _note(job: dict[str, Any], found: dict[str, Any]) -> str:
    """What must not be overlooked: answers of another kind, a generator that had too little."""
    is_known = job.get("repeats") or job["scheme"] == "github"
    expected = "200" if is_known else "202"
    odd = {code: count for code, count in found["codes"].items() if code != expected}
    note = f"  answers beside {expected}: {odd}" if odd else ""
    return note + ("  generator ran dry" if found["ran_dry"] and not job.get("count") else "")
