"""Small faults put into the core, one by one: which of them does no test find?

    python -m tests.mutants          # or `make mutants`: long; what is known is not run again

mutmut changes one thing at a time in the modules that `pyproject.toml` names (`[tool.mutmut]`) and
runs the tests that reach it. Here its results are counted for each module, and what survived is
named; `python -m mutmut show <name>` shows the change. Fails where a module keeps less than its
share of found faults, or where something was not tried.
"""

import re
import subprocess
import sys
from collections import Counter, defaultdict

GOAL = 0.9
FOUND = {"killed", "timeout", "caught by type check"}
LINE = re.compile(r"\s*(?P<module>[\w.]+)\.(?P<name>x\w+): (?P<status>[\w ]+)")
MUTMUT = [sys.executable, "-m", "mutmut"]


def main() -> int:
    """Try all that is not known yet, and print what came of it."""
    # One at a time: they share the test's database.
    subprocess.run([*MUTMUT, "run", "--max-children", "1"], check=True)  # noqa: S603 - our own words
    told = subprocess.run(  # noqa: S603 - as above
        [*MUTMUT, "results", "--all", "true"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    counts, left = counted(told)
    for module, statuses in sorted(counts.items()):
        found, tried = share_of(statuses)
        left.append(f"{module}: {found} of {tried} found ({found / tried:.0%})")
    sys.stdout.write("\n".join(left) + "\n")
    return 0 if counts and all(map(is_enough, counts.values())) else 1


def counted(told: str) -> tuple[dict[str, Counter[str]], list[str]]:
    """For each module how many faults came to which end, and the lines of those not found."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    left = []
    for line in told.splitlines():
        if match := LINE.fullmatch(line):
            counts[match["module"]][match["status"]] += 1
            if match["status"] not in FOUND:
                left.append(line.strip())
    return counts, left


def share_of(statuses: Counter[str]) -> tuple[int, int]:
    """How many were found, of how many."""
    return sum(statuses[status] for status in FOUND), statuses.total()


def is_enough(statuses: Counter[str]) -> bool:
    """Whether enough were found, and all were tried."""
    found, tried = share_of(statuses)
    return found >= GOAL * tried and not statuses["not checked"]


if __name__ == "__main__":
    sys.exit(main())
