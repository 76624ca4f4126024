"""Whether the machine is quiet: what its processors do together, beside what each does alone.

The processors of a rented machine are often threads of somebody's cores, or shares of them: for
minutes two do together what one does alone. A receiver that works on one processor hardly notices;
one that leaves committing to another is measured as if it had none. So the bench looks before each
pair of slices, waits a while for a quiet moment, and tells how quiet it was.
"""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

SPIN_S = 0.2
AHEAD_S = 0.15
# Of what the processors do together when nobody else is on them; noise takes some of it.
QUIET = 0.85
PAUSE_S = 3.0
SPIN = """
import os, sys, time
cpu, begin, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {cpu})
time.sleep(max(0.0, begin - time.time()))
end, count = time.perf_counter() + seconds, 0
while time.perf_counter() < end:
    sum(range(5000))
    count += 1
print(count)
"""


@dataclass
class Calm:
    """Waits for quiet moments, within its patience, and remembers what it found."""

    patience_s: float
    shares: list[float] = field(default_factory=list)

    def wait(self) -> None:
        """Until the processors are ours, or the patience of the whole run is over."""
        while (share := together()) < QUIET and self.patience_s > 0:
            self.patience_s -= PAUSE_S
            time.sleep(PAUSE_S)
        self.shares.append(share)

    def line(self) -> str:
        """What is printed."""
        if not self.shares:
            return ""
        noisy = sum(share < QUIET for share in self.shares)
        return (
            f"Before each pair of slices the {len(_processors())} processors did together "
            f"{statistics.median(self.shares):.0%} of what each does alone "
            f"({min(self.shares):.0%}–{max(self.shares):.0%}); "
            f"below {QUIET:.0%} before {noisy} of {len(self.shares)} pairs."
        )


def together() -> float:
    """The work of all processors at once, as a share of the sum of what each does alone."""
    cpus = _processors()
    alone = sum(_spun([cpu]) for cpu in cpus)
    return _spun(cpus) / alone


def _processors() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _spun(cpus: list[int]) -> int:
    begin = time.time() + AHEAD_S
    running = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", SPIN, str(cpu), str(begin), str(SPIN_S)],
            stdout=subprocess.PIPE,
        )
        for cpu in cpus
    ]
    return sum(int(each.communicate()[0]) for each in running)
