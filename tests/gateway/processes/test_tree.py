"""The process tree: restarts, stops in order, and leaves nothing behind when it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from gateway.processes import watcher
from gateway.processes.children import Child, Spec
from gateway.processes.tree import Plan

WITHIN_S = 15.0
# Notes its id and its end; whoever ignores SIGTERM has to be killed.
CHILD = """
import os, signal, sys, time
folder, name, ignores = sys.argv[1:4]
def note(word):
    with open(os.path.join(folder, "notes"), "a") as file:
        file.write(f"{word} {name} {os.getpid()}\\n")
if ignores == "forks" and os.fork() == 0:
    name = name + "-fork"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
def stop(*_):
    if ignores != "ignores":
        note("stopped")
        sys.exit(0)
if not name.endswith("-fork"):
    signal.signal(signal.SIGTERM, stop)
note("started")
while True:
    time.sleep(0.05)
"""


class Notes:
    """What the children have written down so far."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "notes"

    def lines(self) -> list[list[str]]:
        """Each a word, a name and a process id."""
        if not self.file.exists():
            return []
        return [line.split() for line in self.file.read_text().splitlines()]

    def pids(self, name: str) -> list[int]:
        """The processes that have started under this name."""
        return [int(pid) for word, who, pid in self.lines() if (word, who) == ("started", name)]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for it, or fail with what was waited for."""
    give_up = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has asked for its exit code is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def spec(folder: Path, name: str, *, stage: int = 0, ignores: str = "obeys") -> Spec:
    command = [sys.executable, "-c", CHILD, str(folder), name, ignores]
    return Spec(name, command, {}, stage, grace_s=0.5)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the tree with these children, as `up` does it by `exec`; ends it afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(*specs: Spec, stderr: IO[bytes] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gateway.processes.watcher"]
        plan = Plan(list(specs), Spec("watcher", command, {}, 9, 0.0), "ready", ("127.0.0.1", 1))
        (tmp_path / "plan.json").write_text(plan.to_json())
        code = (
            "import sys; from gateway.processes.tree import *;"
            "plan = Plan.from_json(open(sys.argv[1]).read()); watcher = Watcher(plan.watcher);"
            "watcher.start(); sys.exit(Tree(plan, watcher).run())"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "plan.json")],
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    notes = Notes(tmp_path).lines()
    until(lambda: not any(lives(int(pid)) for _, _, pid in notes), "everything has ended")


def test_a_signal_stops_the_children_stage_by_stage(
    tree: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    notes = Notes(tmp_path)
    process = tree(spec(tmp_path, "last", stage=2), spec(tmp_path, "first", stage=0))
    until(lambda: notes.pids("last") and notes.pids("first"), "both have started")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WITHIN_S) == 0
    assert [who for word, who, _ in notes.lines() if word == "stopped"] == ["first", "last"]


def test_a_child_that_does_not_listen_is_killed(
    tree: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    notes = Notes(tmp_path)
    process = tree(spec(tmp_path, "deaf", ignores="ignores"))
    until(lambda: notes.pids("deaf"), "it has started")
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 0
    assert not lives(notes.pids("deaf")[0])


def test_a_child_that_was_killed_is_started_again_without_its_forks(
    tree: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    notes = Notes(tmp_path)
    tree(spec(tmp_path, "worker", ignores="forks"))
    until(lambda: notes.pids("worker") and notes.pids("worker-fork"), "both have started")
    os.kill(notes.pids("worker")[0], signal.SIGKILL)
    until(lambda: len(notes.pids("worker")) == 2, "it was started again")
    until(lambda: not lives(notes.pids("worker-fork")[0]), "the old fork is gone")


def test_a_child_is_started_again_where_no_line_can_be_written(
    tree: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    notes = Notes(tmp_path)
    with Path("/dev/full").open("wb") as full:
        process = tree(spec(tmp_path, "worker"), stderr=full)
    until(lambda: notes.pids("worker"), "it has started")
    os.kill(notes.pids("worker")[0], signal.SIGKILL)
    until(lambda: len(notes.pids("worker")) == 2, "it was started again")
    assert process.poll() is None


@pytest.mark.parametrize("ignores", ["obeys", "ignores", "forks"])
def test_nothing_outlives_a_tree_that_was_killed(
    tree: Callable[..., subprocess.Popen[str]], tmp_path: Path, ignores: str
) -> None:
    notes = Notes(tmp_path)
    expected = 2 if ignores == "forks" else 1
    process = tree(spec(tmp_path, "child", ignores=ignores))
    until(lambda: len(notes.lines()) == expected, "all have started")
    process.kill()
    pids = [int(pid) for word, _, pid in notes.lines() if word == "started"]
    until(lambda: not any(map(lives, pids)), "no orphan is left")


def test_a_tree_that_belongs_to_somebody_ends_with_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.processes.watcher"]
    plan = Plan([spec(tmp_path, "child")], Spec("watcher", command, {}, 9, 0.0), "", ("::1", 1))
    (tmp_path / "plan.json").write_text(plan.to_json())
    code = (
        "import os, sys; from gateway.processes.tree import *;"
        "plan = Plan.from_json(open(sys.argv[1]).read()); plan.parent = os.getppid();"
        "watcher = Watcher(plan.watcher); watcher.start(); sys.exit(Tree(plan, watcher).run())"
    )
    start = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    parent = subprocess.Popen(
        [sys.executable, "-c", start, sys.executable, "-c", code, str(tmp_path / "plan.json")]
    )
    notes = Notes(tmp_path)
    until(lambda: notes.pids("child"), "it has started")
    parent.kill()
    parent.wait()
    until(lambda: not lives(notes.pids("child")[0]), "it has ended")


def test_a_child_that_cannot_start_ends_the_tree_with_an_error(
    tree: Callable[..., subprocess.Popen[str]],
) -> None:
    process = tree(Spec("broken", [sys.executable, "-c", "raise SystemExit(3)"], {}, 0, 1.0))
    _, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1
    events = [json.loads(line) for line in errors.splitlines()]
    assert events[-1]["event"] == "start_failed"
    assert "broken" in events[-1]["reason"]


def test_the_wait_before_a_restart_doubles_up_to_a_limit() -> None:
    child = Child(Spec("child", [], {}, 0, 1.0))
    waits = []
    for child.failures in range(1, 10):
        waits.append(child.wait_s())
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert waits[-1] == 10.0


def test_the_watcher_follows_what_it_is_told_and_ignores_the_rest() -> None:
    assert watcher.follow(["+10\n", "+11\n", "nonsense\n", "-10\n", "+x\n", "\n"]) == {11}


def test_a_plan_survives_its_way_through_the_pipe(tmp_path: Path) -> None:
    plan = Plan(
        [spec(tmp_path, "web")], spec(tmp_path, "watcher"), "text", ("::1", 8000), {"redis": 7}
    )
    assert Plan.from_json(plan.to_json()) == plan
