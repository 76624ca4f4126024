"""`python -m tests.audit.syscalls DATABASE FOLDER MOST KIND`: one batch, struck everywhere.

For each N a fresh child, forked from a loaded parent, takes one batch of a copy of the database and
signs it, while strace kills it at its N-th system call, or lets the N-th call that touches a file
fail with EIO. Afterwards a whole sequencer goes on, and the log is verified. Prints JSON.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

# Those through which a disk can fail; memory and threads have none.
FILES = (
    "openat,read,pread64,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink,mkdir,newfstatat,"
    "fstat,lseek,fcntl"
)
AT_MOST = 3000
ATTACH_S = 20


def main(database: str, folder: str, *, most: int, kind: str, is_planted: bool) -> None:
    """Try every call in turn, or so many of them; `kind` is SIGKILL or EIO."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway.settings"
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/log.sqlite3"
    os.environ["COUNTERSIGN_DATA_DIR"] = folder
    import django  # noqa: PLC0415 - the environment comes first

    django.setup()
    found = attempts(kind, Path(database), Path(folder), most, is_planted=is_planted)
    print(json.dumps(found))  # noqa: T201 - what the caller reads


def attempts(
    kind: str, database: Path, folder: Path, most: int, *, is_planted: bool
) -> dict[str, object]:
    """Until a child gets through unharmed: how often it was hit, and what was wrong afterwards."""
    step = 1 if most >= AT_MOST else 0
    hit, wrong, number = 0, [], 1
    while number < AT_MOST:
        renew(database, folder)
        was_hit = struck(kind, number, folder, is_planted=is_planted)
        if not was_hit:
            break
        hit += 1
        wrong += [f"{kind} at call {number}: {text}" for text in faults(folder)]
        # Fewer than all: at growing distances, over the whole of the batch.
        number += step or max(1, number * 10 // max(most, 1))
    return {"hit": hit, "last": number, "wrong": wrong}


def renew(database: Path, folder: Path) -> None:
    """The database as it was before the batch, and nothing published."""
    for path in folder.glob("log.sqlite3*"):
        path.unlink()
    shutil.copy(database, folder / "log.sqlite3")
    shutil.rmtree(folder / "audit", ignore_errors=True)


def batch() -> None:
    """As the scheduler's tick: what fails is left to the next one."""
    from django.db import DatabaseError  # noqa: PLC0415 - after setup

    from audit.sequencer import Sequencer  # noqa: PLC0415
    from audit.tree import Broken  # noqa: PLC0415

    try:
        Sequencer().tick()
    except (DatabaseError, OSError, Broken):
        os._exit(3)


def struck(kind: str, number: int, folder: Path, *, is_planted: bool) -> bool:
    """Whether the child was killed at this call, or the call failed."""
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"r")
        os.read(go[0], 1)
        if is_planted:
            plant()
        batch()
        os._exit(0)
    os.read(ready[0], 1)
    what = f"all:signal=SIGKILL:when={number}"
    if kind == "EIO":
        what = f"{FILES}:error=EIO:when={number}"
    calls = "all" if kind == "SIGKILL" else FILES
    log = folder / "strace.log"
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", str(log), "-p", str(child), "-e", f"trace={calls}",
         "-e", f"inject={what}"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = tracer.stderr.readline()
    if "attached" not in line:
        os.kill(child, signal.SIGKILL)
        raise SystemExit(f"strace cannot attach: {line}")
    os.write(go[1], b"g")
    _, status = os.waitpid(child, 0)
    tracer.communicate(timeout=ATTACH_S)
    for descriptor in (*ready, *go):
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(status)
    return code == -signal.SIGKILL if kind == "SIGKILL" else "INJECTED" in log.read_text()


def plant() -> None:
    """A sequencer that commits each leaf by itself, the last one first."""
    from audit import sequencer  # noqa: PLC0415 - after setup
    from audit.models import Leaf  # noqa: PLC0415

    class Careless:
        atomic = nullcontext

    sequencer.transaction = Careless
    type(Leaf.objects).bulk_create = lambda _, made: [row.save() for row in reversed(made)]


def in_a_child(work: Callable[[], list[str]]) -> list[str]:
    """Run it in a fork, so that the parent never opens the database."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        text = lines.read()
    os.waitpid(child, 0)
    return list(json.loads(text or '["the verification ended by itself"]'))


def faults(folder: Path) -> list[str]:
    """What is wrong once a whole sequencer went on."""
    return in_a_child(_go_on_and_verify)


def _go_on_and_verify() -> list[str]:
    from audit import published  # noqa: PLC0415 - after setup
    from audit.models import AuditRecord  # noqa: PLC0415
    from audit.sequencer import Sequencer  # noqa: PLC0415
    from audit.verification import verify  # noqa: PLC0415

    Sequencer().tick()
    Sequencer().tick()
    reports = verify(public_keys=published.public_keys())
    found = [finding.text for report in reports for finding in report.findings]
    if missing := AuditRecord.objects.filter(leaf=None, log="ten_acme").count():
        found.append(f"{missing} records without a place")
    if not published.public_keys():
        found.append("nothing was signed")
    return found


if __name__ == "__main__":
    main(
        sys.argv[1], sys.argv[2], most=int(sys.argv[3]), kind=sys.argv[4],
        is_planted=len(sys.argv) > 5,
    )  # fmt: skip
