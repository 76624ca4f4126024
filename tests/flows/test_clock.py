"""T52: clocks that jump while work is under way. Nothing runs twice, nothing runs after its time.

A library of `clock.c` stands between every process of the tree and its clock. Timers go on as they
are: a clock that is set moves none. The provider, the service that counts and PostgreSQL, where
there is one, keep the right time.
"""

import mmap
import random
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles import counting
from tests.doubles.counting import IDEMPOTENT, UNSAFE
from tests.flows import outages
from tests.flows.crash import HOLD_EVERY, Stage, stage
from tests.flows.tree import until
from tests.migrated import SQLITE
from webhooks.schemes.reasons import Reason

COMPILER = shutil.which("cc")
SOURCE = Path(__file__).with_name("clock.c")
pytestmark = [
    pytest.mark.flow,
    pytest.mark.long,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler"),
]
# As `clock.c` reads it.
OFFSET = struct.Struct("=q")
SEED = 52
EVENTS = 20
# There and back: each is a jump, from the one before it.
OFFSETS_S = (120, 0, -120, 0) * 2
# So long that the sweep comes by and finds leases that a jump has ended, with calls under way.
EFFECT_S = 2.0
HOUR_S = 3600
# Longer than an approval may be executed.
TOO_LATE_S = 25 * HOUR_S


class Clock:
    """What all processes of a tree read instead of the time of day."""

    def __init__(self, folder: Path) -> None:
        self.library, self.file = folder / "clock.so", folder / "offset"
        assert COMPILER is not None
        command = [COMPILER, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", self.library]
        subprocess.run([*command, SOURCE], check=True)
        self.file.write_bytes(bytes(OFFSET.size))
        with self.file.open("r+b") as opened:
            self.offset = mmap.mmap(opened.fileno(), OFFSET.size)

    def environment(self, _: dict[str, str]) -> dict[str, str]:
        """What makes a process and its children read it."""
        return {"LD_PRELOAD": str(self.library), "COUNTERSIGN_TEST_CLOCK": str(self.file)}

    def set(self, offset_s: int) -> None:
        """From now on it is so much later than it is."""
        self.offset[:] = OFFSET.pack(offset_s)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def here(clock: Clock) -> Iterator[Stage]:
    with stage(effect_s=EFFECT_S, prepare=clock.environment) as found:
        yield found


def numbers(here: Stage) -> range:
    """The next events."""
    first = len(here.accepted)
    return range(first, first + EVENTS)


def test_two_minutes_there_and_back_lose_and_repeat_nothing(
    here: Stage, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    lot = random.Random(SEED)
    for offset_s in OFFSETS_S:

        def strike(offset_s: int = offset_s) -> set[str]:
            time.sleep(lot.uniform(0.1, 1.0))  # anywhere in the work
            clock.set(offset_s)
            return set()

        here.struck(numbers(here), strike)
        here.settle(None)
    here.look_again()
    with capsys.disabled():
        print(f"\nT52 ± 120 s, kills are jumps: {here.account}")  # noqa: T201 - a figure


def test_an_hour_back_refuses_what_is_signed_until_it_is_over(here: Stage, clock: Clock) -> None:
    def strike() -> set[str]:
        clock.set(-HOUR_S)
        until(lambda: f'"reason": "{Reason.FUTURE}"' in here.place.tree.log(), "one is refused")
        clock.set(0)
        return set()

    here.struck(numbers(here), strike)
    # Back is a jump ahead: leases of calls that are under way have run out by it.
    here.settle(None)
    here.look_again()


def test_approval_whose_time_is_over_never_runs(here: Stage, clock: Clock) -> None:
    held = HOLD_EVERY - 1
    here.deliver(held)
    (waiting,) = until(lambda: here.place.items("actions", status="pending"), "an action waits")
    address = f"/actions/{waiting['id']}"
    with outages.paused(here.pid("worker"), here.place.tree.data_dir / SQLITE):
        approve = {"digest": waiting["digest"], "comment": "In time."}
        assert here.place.api.post(f"{address}/approve", json=approve).status_code == 200
        assert here.place.get(address)["status"] == "approved"
        clock.set(TOO_LATE_S)
    assert here.place.settled(waiting["id"])["status"] == "expired"
    clock.set(0)
    # Whoever works at this one had time for the other.
    here.deliver(held + 1)
    (done,) = until(lambda: here.place.items("actions", status="succeeded"), "the next runs")
    assert here.place.get(address)["status"] == "expired"
    assert here.place.api.post(f"{address}/approve", json=approve).status_code == 409
    journal = here.service.journal
    assert set(counting.effects(journal, IDEMPOTENT)) | set(counting.effects(journal, UNSAFE)) == {
        done["id"]
    }
