"""Processes that end without knowing where they stand: T58 by SIGTERM, T48 in any system call.

`strace` makes the n-th call of a kind fail, or kills in it: also within the one statement that
stores an event, and between the two ends of a write.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.doubles import counting
from tests.flows.crash import Stage, stage
from tests.flows.tree import until

pytestmark = [pytest.mark.flow, pytest.mark.long]
SEED = 48
EVENTS = 20
TERMS = 20
# Over six cases together two hundred system calls.
TAMPERS = 34
EXIT_WITHIN_S = 30.0
# A call that nobody makes so often in this time was missed.
HIT_WITHIN_S = 6.0
DETACH_WITHIN_S = 2.0
CALLS = ("pwrite64", "fdatasync", "sendto", "sendmsg", "recvfrom", "write", "pread64", "fcntl")
# Releasing a lock never fails on a local disk (fcntl(2) knows no EIO). Where it does, SQLite goes
# on while the kernel holds the lock, and nobody else gets at the database before that process comes
# by again.
CALLS_THAT_FAIL = tuple(call for call in CALLS if call != "fcntl")
# The entrance takes what came together with few calls, a worker makes many for each action.
MOST_CALLS = {"intake": 10, "worker": 40, "scheduler": 40}
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")


@pytest.fixture(scope="module")
def here() -> Iterator[Stage]:
    with stage() as found:
        yield found


def numbers(here: Stage) -> range:
    """The next events."""
    first = len(here.accepted)
    return range(first, first + EVENTS)


def test_twenty_polite_ends_under_load_lose_nothing(
    here: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    lot = random.Random(SEED)
    took: list[float] = []
    abandoned = 0

    def strike() -> set[str]:
        nonlocal abandoned
        pid = here.pid("worker")
        time.sleep(lot.uniform(0.1, 1.5))  # anywhere in the work
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        until(lambda: here.is_gone("worker", pid), "it ends", within_s=EXIT_WITHIN_S)
        took.append(time.monotonic() - began)
        rows = here.under_way()
        abandoned += len(rows)
        return here.abandoned(rows)

    for _ in range(TERMS):
        here.settle(here.struck(numbers(here), strike))
    here.look_again()
    requests = Counter(one.key for one in counting.lines(here.service.journal))
    assert max(requests.values()) <= 2
    with capsys.disabled():
        print(  # noqa: T201 - this run's figure
            f"\nT58 {TERMS} × SIGTERM: {max(took):.1f} s at most until the end, "
            f"{abandoned} attempts left to their lease; {here.account}"
        )


@contextmanager
def tampered(pid: int, call: str, how: str, nth: int) -> Iterator[None]:
    """The n-th such call of a thread of this process goes wrong, as long as the block lasts."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={call}"]
    process = subprocess.Popen([*command, "-e", f"inject={call}:{how}:when={nth}"])
    try:
        until(lambda: is_traced(pid), f"{pid} is traced")
        yield
    finally:
        process.terminate()
        try:
            process.wait(DETACH_WITHIN_S)
        except subprocess.TimeoutExpired:
            # It waits for threads that it killed; as long as it does, nobody can bury them.
            process.kill()
            process.wait()


def is_traced(pid: int) -> bool:
    """Whether somebody looks at its system calls, or it has ended already."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return "TracerPid:\t0" not in status


@needs_strace
@pytest.mark.parametrize("kind", ["intake", "worker", "scheduler"])
@pytest.mark.parametrize("how", ["signal=KILL", "error=EIO"])
def test_any_system_call_may_be_the_last_or_fail(
    here: Stage, kind: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lot = random.Random(f"{SEED} {kind} {how}")
    calls = CALLS if how.startswith("signal") else CALLS_THAT_FAIL
    here.account.kills = here.account.events = hits = 0
    for _ in range(TAMPERS):
        call, nth = lot.choice(calls), lot.randint(1, MOST_CALLS[kind])
        pid = here.pid(kind)
        tracer = ExitStack()

        def strike(pid: int = pid, tracer: ExitStack = tracer) -> set[str]:
            nonlocal hits
            # As long as it is traced, nobody can bury it and put another in its place.
            with tracer:
                give_up = time.monotonic() + HIT_WITHIN_S
                while not here.is_gone(kind, pid) and time.monotonic() < give_up:
                    time.sleep(0.05)
            is_dead = here.is_gone(kind, pid)
            hits += is_dead
            return here.abandoned(here.under_way()) if is_dead and kind == "worker" else set()

        # Before the first event: the entrance is done with all of them in a moment.
        tracer.enter_context(tampered(pid, call, how, nth))
        here.struck(numbers(here), strike)
        here.settle(None)
    here.look_again()
    with capsys.disabled():
        print(f"\nT48 {kind} {how}: {hits} of {TAMPERS} died of it; {here.account}")  # noqa: T201
