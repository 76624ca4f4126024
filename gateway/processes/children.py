"""One child of the tree: what to start, and the process while it runs. Standard library only."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

PR_SET_PDEATHSIG = 1
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
# Who ran this long is healthy: the next end counts as the first one again.
HEALTHY_S = 20.0
# A worker that is asked to end waits so long for the calls that it has made: a call has thirty
# seconds, and most are over long before.
CALLS_WITHIN_S = 25.0


@dataclass(frozen=True)
class Spec:
    """What a child is: its command, environment and inherited sockets, and when it stops.

    `changes` are to the tree's own environment; None removes a variable. Stages stop in ascending
    order; `grace_s` is how long the child may take to end by itself. `later` lets web and worker
    begin first.
    """

    name: str
    command: list[str]
    changes: dict[str, str | None]
    stage: int
    grace_s: float
    sockets: list[int] = field(default_factory=list)
    later: bool = False


class Process(Protocol):
    """What the tree needs of a running process."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""


class Adopted:
    """A child that this process started before it became another program by `exec`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self._code is None:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return self._code


class Child:
    """A place in the tree that is to be filled by a running process."""

    def __init__(self, spec: Spec, process: Process | None = None) -> None:
        self.spec = spec
        self.process = process
        self.started_at = time.monotonic()
        self.failures = 0
        self.restart_at = 0.0

    def start(self) -> None:
        """Start the process as the leader of a group of its own."""
        self.process = spawn(self.spec)
        self.started_at = time.monotonic()

    def ended(self) -> int | None:
        """The exit code of a process that has just ended; plans its restart with back-off."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.signal(signal.SIGKILL)  # what it has forked
        lived = time.monotonic() - self.started_at
        self.failures = 1 if lived > HEALTHY_S else self.failures + 1
        self.restart_at = time.monotonic() + self.wait_s()
        self.process = None
        return code

    def wait_s(self) -> float:
        """Seconds until the next start: doubled with each end in a row."""
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** max(0, self.failures - 1))

    def is_due(self) -> bool:
        """Whether it is time to start it again."""
        return self.process is None and time.monotonic() >= self.restart_at

    def signal(self, number: int) -> None:
        """Signal the process and whatever it has forked."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def spawn(spec: Spec) -> Process:
    """Start a child that the kernel (Linux) stops with its parent."""
    # S603: the commands are fixed lists of our own.
    return subprocess.Popen(  # noqa: S603
        spec.command,
        env=environment(spec),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=spec.sockets,
        preexec_fn=end_with(os.getpid()),
    )


def environment(spec: Spec) -> dict[str, str]:
    """Our own environment with the changes of the child."""
    changed = {**os.environ, **spec.changes}
    return {name: value for name, value in changed.items() if value is not None}


def end_with(parent: int, number: int = signal.SIGTERM) -> Callable[[], None] | None:
    """What a child of `parent` runs to be signalled at its end; None where no kernel can."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_kernel
