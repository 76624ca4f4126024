"""T08: killed at every system call of a batch, or refused by the disk, the log is whole again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from audit.context import Scope
from audit.models import Pending
from tests.factories.audit import AuditRecordFactory

ROOT = Path(__file__).resolve().parents[2]
ALL = 3000
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="a copy of the file is taken"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace"),
]


def tried(tmp_path, most, kind, *planted):
    """What became of a batch of forty records, in the logs of two tenants, at each call."""
    for tenant in ("ten_acme", "ten_other"):
        AuditRecordFactory.create_batch(20, scope=Scope(tenant))
    assert Pending.objects.count() == 40
    copy = tmp_path / "before.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.syscalls", str(copy), str(folder), str(most),
         kind, *planted],
        cwd=ROOT, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "cannot attach" in done.stderr:
        pytest.skip("strace may not attach here")
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    print(  # noqa: T201 - the figure of the assurance page
        f"\nT08 on sqlite, {kind}: struck at {said['hit']} of {said['last'] - 1} system calls of a "
        f"batch, {len(said['wrong'])} faults"
    )
    return said


@pytest.mark.parametrize("kind", ["SIGKILL", "EIO"])
def test_a_sequencer_struck_at_some_system_calls_leaves_a_log_that_verifies(tmp_path, kind):
    said = tried(tmp_path, 3, kind)
    assert said["wrong"] == []
    assert said["hit"] >= 4


def test_a_sequencer_that_commits_leaf_by_leaf_would_be_found(tmp_path):
    assert tried(tmp_path, 5, "SIGKILL", "planted")["wrong"]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["SIGKILL", "EIO"])
def test_a_sequencer_struck_at_every_system_call_leaves_a_log_that_verifies(tmp_path, kind):
    said = tried(tmp_path, ALL, kind)
    assert said["wrong"] == []
    assert said["hit"] >= 50
