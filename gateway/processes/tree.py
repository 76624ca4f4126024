"""The process tree while it runs: `python -m gateway.processes.tree FILE_DESCRIPTOR`.

`manage.py up` prepares everything with Django and then becomes this program by `exec`: it keeps the
process id, the sockets, the lock and the children that run already, and gives Django's 80 MB back.
Restarts what ends, stops in order. Standard library only.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, TextIO

from gateway.processes.children import Adopted, Child, Spec, environment
from gateway.processes.signals import Signals

LOOK_EVERY_S = 0.5
WHILE_STARTING_S = 0.05
GIVE_UP_STARTING_S = 120.0
# Importing takes two seconds of a core for each child: what nobody waits for begins a little later.
LATER_S = 10.0
# A child that ends this often before the tree was ever ready cannot be started here.
GIVE_UP_AFTER = 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Plan:
    """Everything the tree has to know; travels from `up` to here as JSON through a pipe."""

    specs: list[Spec]
    watcher: Spec
    banner: str
    ready_at: tuple[str, int]
    adopted: dict[str, int] = field(default_factory=dict)
    watcher_pid: int = 0
    watcher_pipe: int = 0
    # Stop when this process is no longer our parent; 0 means that we stand on our own.
    parent: int = 0

    def to_json(self) -> str:
        """For the pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """From the pipe."""
        raw: dict[str, Any] = json.loads(text)
        raw["specs"] = [Spec(**spec) for spec in raw["specs"]]
        raw["watcher"] = Spec(**raw["watcher"])
        raw["ready_at"] = tuple(raw["ready_at"])
        return cls(**raw)


class Watcher:
    """The process that outlives us and ends our children when we are killed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.process: Adopted | subprocess.Popen[bytes] | None = None
        self.pipe: BinaryIO | None = None
        self.groups: set[int] = set()

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C does not reach it."""
        # S603: a fixed list of our own.
        process = subprocess.Popen(  # noqa: S603
            self.spec.command,
            env=environment(self.spec),
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=self.spec.sockets,
        )
        self.process = process
        self.pipe = process.stdin  # type: ignore[assignment]
        self._tell(*(f"+{group}" for group in self.groups))

    def adopt(self, pid: int, pipe: int) -> None:
        """Go on with one that was started before the `exec`."""
        self.process = Adopted(pid)
        self.pipe = os.fdopen(pipe, "wb")

    def add(self, group: int) -> None:
        """This group ends with us."""
        self.groups.add(group)
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """This group is gone."""
        self.groups.discard(group)
        self._tell(f"-{group}")

    def look(self) -> None:
        """Start it again if somebody ended it."""
        if self.process is not None and self.process.poll() is not None:
            self.start()

    def close(self) -> None:
        """Let it end: nothing is left to watch."""
        if self.pipe is not None:
            self.pipe.close()

    def _tell(self, *lines: str) -> None:
        if self.pipe is None:
            return
        try:
            self.pipe.write("".join(f"{line}\n" for line in lines).encode())
            self.pipe.flush()
        except OSError:
            self.pipe = None  # it ended; `look` starts another and tells it everything


class Tree:
    """All children, from the first start to the last stop."""

    def __init__(self, plan: Plan, watcher: Watcher) -> None:
        self.plan = plan
        self.watcher = watcher
        self.children = [self._child(spec) for spec in plan.specs]
        self.began = time.monotonic()
        self.is_ready = False
        self.signals = Signals(SIGNALS, wakes=[signal.SIGCHLD])
        self.exit_code = 0

    def _child(self, spec: Spec) -> Child:
        pid = self.plan.adopted.get(spec.name)
        return Child(spec, Adopted(pid) if pid else None)

    def run(self) -> int:
        """Keep everything running until a signal asks to stop; the exit code."""
        while not self.signals.asked:
            self._look()
            if not self.is_ready:
                self._look_whether_ready()
            if self.plan.parent and os.getppid() != self.plan.parent:
                self.signals.ask()
            self._sleep()
        self.stop()
        return self.exit_code

    def _sleep(self) -> None:
        pause = LOOK_EVERY_S if self.is_ready else WHILE_STARTING_S
        waiting = [child.restart_at for child in self.children if child.process is None]
        if waiting:
            pause = max(0.0, min(pause, min(waiting) - time.monotonic()))
        self.signals.sleep(pause)

    def _look(self) -> None:
        self.watcher.look()
        for child in self.children:
            group = child.process.pid if child.process else 0
            if (code := child.ended()) is not None:
                self.watcher.forget(group)
                self._report(child, code)
            if child.is_due() and not self.signals.asked and self._may_start(child):
                child.start()
                assert child.process is not None
                self.watcher.add(child.process.pid)

    def _may_start(self, child: Child) -> bool:
        return self.is_ready or not child.spec.later or time.monotonic() > self.began + LATER_S

    def _report(self, child: Child, code: int) -> None:
        say("child_ended", child=child.spec.name, code=code, restart_in_s=child.wait_s())
        if not self.is_ready and child.failures >= GIVE_UP_AFTER:
            self._give_up(f"{child.spec.name} cannot start; its own lines above say why")

    def _give_up(self, reason: str) -> None:
        say("start_failed", reason=reason)
        self.exit_code = 1
        self.signals.ask()

    def _look_whether_ready(self) -> None:
        if answers(*self.plan.ready_at):
            self.is_ready = True
            write(self.plan.banner, sys.stdout)
        elif time.monotonic() > self.began + GIVE_UP_STARTING_S:
            self._give_up(f"the web process does not answer after {GIVE_UP_STARTING_S:.0f} s")

    def stop(self) -> None:
        """Stop stage after stage; a second signal, or a child's grace, cuts the waiting short."""
        for stage in sorted({child.spec.stage for child in self.children}):
            self._stop_stage([child for child in self.children if child.spec.stage == stage])
        self.watcher.close()

    def _stop_stage(self, children: list[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        began = time.monotonic()
        while running := [child for child in children if child.process]:
            for child in running:
                spent = time.monotonic() - began > child.spec.grace_s
                if spent or self.signals.asked > 1:
                    child.signal(signal.SIGKILL)
                group = child.process.pid if child.process else 0
                if child.ended() is not None:
                    self.watcher.forget(group)
            time.sleep(WHILE_STARTING_S)


def answers(host: str, port: int) -> bool:
    """Whether the web process answers `/healthz`, with whatever status."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def say(event: str, **facts: Any) -> None:
    """One line beside those of the children."""
    write(json.dumps({"event": event, **facts}), sys.stderr)


def write(text: str, stream: TextIO) -> None:
    """For whoever reads along. Where nothing can be written, on a full disk, the work goes on."""
    with suppress(OSError):
        print(text, file=stream, flush=True)  # noqa: T201 - the banner, or a log


def main() -> int:
    """Read the plan and run the tree."""
    with os.fdopen(int(sys.argv[1]), encoding="utf-8") as pipe:
        plan = Plan.from_json(pipe.read())
    watcher = Watcher(plan.watcher)
    watcher.adopt(plan.watcher_pid, plan.watcher_pipe)
    watcher.groups.update(plan.adopted.values())
    return Tree(plan, watcher).run()


if __name__ == "__main__":
    sys.exit(main())
