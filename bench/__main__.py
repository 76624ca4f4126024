"""`python -m bench`: the intake beside its peers, in alternating rounds, as ratios.

Bare figures of one machine mean little; each round measures every candidate and every peer once,
and what counts is the ratio inside a round: its median, and its lowest and highest.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import gate, report
from bench.book import FIGURES, LARGE, Book
from bench.calm import Calm
from bench.gate import GATE
from bench.goals import goals
from bench.peers import hook
from bench.places import DRF, OURS, Place
from bench.plan import Measuring

EXECUTE = "execute"
AUDIT = "audit"
# Figures that are measured and printed on their own.
OWN = [GATE, EXECUTE, AUDIT]
PEERS = ["drf", "webhook", "limit"]
QUICK = {"rounds": 1, "seconds": 0.8, "sizes": [1024], "servers": ["uvicorn"], "backlog": 4000}


def main() -> int:
    """Measure, print, and fail where a floor is not held."""
    options = _options()
    if GATE in options.figures:
        print("\n".join(gate.measure().lines()), flush=True)
    if EXECUTE in options.figures:
        subprocess.run([sys.executable, "-m", "bench.execute"], check=True)
    if AUDIT in options.figures:
        subprocess.run([sys.executable, "-m", "bench.appending"], check=True)
    options.figures = [figure for figure in options.figures if figure not in OWN]
    if not options.figures:
        return 0
    # PostgreSQL would outlive us: end as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    place = Place(folder)
    where = report.surroundings(options)
    try:
        book, calm = _measure(place, options)
        where = f"{where}\n{place.line()}" if place.postgres else where
    finally:
        place.close()
        if options.keep:
            print(f"logs in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    found = goals(book, options.databases)
    where = f"{where}\n{calm.line()}"
    report.write(book, found, where=where, is_markdown=options.markdown)
    return 1 if any(goal.is_failed for goal in found) else 0


def _measure(place: Place, options: argparse.Namespace) -> tuple[Book, Calm]:
    place.prepare(options.databases, [OURS, *({DRF} & set(options.peers))])
    measuring = Measuring(place, options)
    with place.queue():
        for number in range(1, options.rounds + 1):
            measuring.round(number)
    return measuring.book, measuring.calm


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: about a minute")
    parser.add_argument("--markdown", action="store_true", help="print what the README holds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument(
        "--patience", type=float, default=300.0,
        help="seconds to wait in all for moments without others' work on the processors",
    )  # fmt: skip
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sizes", type=_numbers, default=[1024, 8192])
    parser.add_argument("--servers", type=_words, default=["uvicorn", "daphne"])
    parser.add_argument("--databases", type=_words, default=["sqlite", "postgresql"])
    parser.add_argument("--workers", type=_words, default=["stopped", "running"])
    parser.add_argument("--peers", type=_words, default=PEERS, help="beside FastAPI, or `none`")
    parser.add_argument(
        "--figures", type=_words, default=[*FIGURES, *OWN], help=", ".join([*FIGURES, *OWN])
    )
    parser.add_argument("--backlog", type=int, default=12_000, help="events for the worker")
    parser.add_argument("--keep", action="store_true", help="keep the servers' logs")
    if parser.parse_args().quick:
        parser.set_defaults(**QUICK, figures=[each for each in FIGURES if each != LARGE])
    options = parser.parse_args()
    options.peers = [peer for peer in options.peers if peer in PEERS and _is_here(peer)]
    return options


def _is_here(peer: str) -> bool:
    if peer == hook.NAME and hook.binary() is None:
        print(f"{hook.NAME} is not installed, so it is left out: apt-get install {hook.NAME}",
              file=sys.stderr)  # fmt: skip
        return False
    return True


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
