"""`manage.py up` as a stranger meets it: it starts, restarts, stops, and leaves nothing behind."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.tree import MANAGE, ROOT, Tree, assert_gone, started, until

ON_POSTGRES = os.environ.get("DATABASE_URL", "").startswith("postgres")

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(ON_POSTGRES, reason="once is enough: in the run on SQLite"),
]
STOP_S = 10.0


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    """One running tree for the tests that leave it running."""
    with started("--no-demo", first=True) as running:
        yield running


def refused(tree: Tree, *options: str, data_dir: Path) -> str:
    """What a second `up` says, which must not start."""
    done = subprocess.run(
        [*MANAGE, "up", "--no-demo", *options],
        env=tree.environment | {"COUNTERSIGN_DATA_DIR": str(data_dir)},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


def variables(pid: int) -> dict[str, str]:
    """The environment that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def test_the_address_is_printed_once_it_answers(tree: Tree) -> None:
    until(lambda: f"Countersign is ready: {tree.url}" in tree.log(), "the line is printed")
    assert tree.answers("/healthz")


def test_data_and_keys_are_their_owners_alone(tree: Tree) -> None:
    assert stat.S_IMODE(tree.data_dir.stat().st_mode) == 0o700
    files = [file for file in tree.data_dir.rglob("*") if not file.is_dir()]
    assert any(file.parent.name == "keys" for file in files)
    assert not [file for file in files if file.stat().st_mode & 0o077]


def test_only_web_can_sign_approvals(tree: Tree) -> None:
    (web,), (worker,) = tree.pids("web"), tree.pids("worker")
    name = "COUNTERSIGN_APPROVAL_SIGNING_KEY"
    assert name not in variables(web)  # reads the file, as every command does
    assert variables(worker)[name] == ""
    assert len(variables(worker)["COUNTERSIGN_APPROVAL_VERIFY_KEY"]) == 64


def test_only_the_scheduler_can_sign_checkpoints_and_what_it_signs_is_sound(tree: Tree) -> None:
    name = "COUNTERSIGN_AUDIT_SIGNING_KEY"
    for kind in ("web", "worker"):
        assert all(variables(pid)[name] == "" for pid in tree.pids(kind))
    command = [*MANAGE, "bootstrap", "--tenant", "acme", "--email", "a@example.com", "--json"]
    options = {"env": tree.environment, "cwd": ROOT, "capture_output": True, "timeout": 60}
    subprocess.run(command, check=True, **options)
    logs = tree.data_dir / "audit"
    until(lambda: list(logs.glob("ten_*/newest")), "the tenant's log is signed")
    done = subprocess.run([*MANAGE, "audit_verify"], check=False, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok     ten_" in done.stdout


def test_a_second_tree_does_not_start_in_the_same_folder(tree: Tree) -> None:
    said = refused(tree, "--port", "0", data_dir=tree.data_dir)
    assert "runs already" in said
    assert tree.answers("/readyz")


def test_a_taken_port_is_named_with_the_way_out(tree: Tree, tmp_path: Path) -> None:
    said = refused(tree, "--port", str(tree.port), data_dir=tmp_path / "other")
    assert str(tree.port) in said
    assert "PORT=" in said


@pytest.mark.parametrize("child", ["web", "worker", "scheduler", "redis"])
def test_a_child_that_was_killed_comes_back(tree: Tree, child: str) -> None:
    killed = tree.kill(child)
    until(lambda: set(tree.pids(child)) - {killed}, f"there is a new {child}")
    until(lambda: tree.answers("/readyz"), "all is ready again")
    assert len(tree.pids(child)) == 1


def test_a_signal_stops_everything_within_seconds() -> None:
    with started("--no-demo", "--intake", "1", "--web", "2") as tree:
        assert tree.process is not None
        began = time.monotonic()
        tree.process.send_signal(signal.SIGINT)
        assert tree.process.wait(2 * STOP_S) == 0
        assert time.monotonic() - began < STOP_S
        tree.process = None
        assert_gone(tree)
