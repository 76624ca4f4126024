"""Processes hear every signal, whatever their threads are doing."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.processes.signals import Signals

# A main thread that begins to wait while others fight for the interpreter's lock.
BUSY = """
import os, sys, threading
from gateway.processes.signals import Signals
signals = Signals()
def spin():
    while True:
        sum(range(200))
for _ in range(8):
    threading.Thread(target=spin, daemon=True).start()
os.write(1, b"!")
signals.wait()
os._exit(7)
"""
# Events of threading lost one of 75 here.
MOMENT_S = 0.01
ENDS_WITHIN_S = 10


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Signals of this process, which gets its own back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    made = Signals(wakes=[signal.SIGCHLD])
    yield made
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def end(tries: int) -> list[int]:
    """The exit codes of so many processes, each asked to end about when it begins to wait."""
    lot = random.Random("signals")
    codes = []
    for _ in range(tries):
        with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            time.sleep(lot.uniform(0, MOMENT_S))  # about when it begins to wait
            process.terminate()
            try:
                codes.append(process.wait(ENDS_WITHIN_S))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
    return codes


def test_no_request_to_stop_is_lost_by_who_just_begins_to_wait():
    assert set(end(20)) == {7}


@pytest.mark.long
def test_none_of_many_requests_to_stop_is_lost():
    assert set(end(400)) == {7}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_came_before_the_wait_ends_it(signals, number):
    os.kill(os.getpid(), number)
    assert signals.wait()
    assert signals.asked == 1


def test_without_a_signal_the_wait_ends_with_its_time(signals):
    assert not signals.wait(0.01)


def test_a_second_request_is_counted(signals):
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signals.wait()
    assert signals.asked == 2


def test_a_child_s_end_wakes_and_asks_for_nothing(signals):
    child = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGCHLD])
    child.start()
    signals.sleep(ENDS_WITHIN_S)
    assert not signals.asked
    assert not signals.wait(0.01)
    child.join()
