"""`python -m tests.audit.crowd WRITERS TENANTS RECORDS KILL_EVERY_S`: many write, one gives places.

All are forks of one process that has everything loaded, so a killed sequencer's successor begins
within milliseconds, as the scheduler that waited for the lease does. Prints JSON.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable

import django

SETTLE_S = 240.0


def main(writers: int, tenants: int, records: int, kill_every_s: float) -> None:
    """Let them run until all is written and placed; what was committed, and how many kills."""
    django.setup()
    reader, writer = os.pipe()
    for number in range(writers):
        share = range(number, records, writers)
        forked(lambda share=share: os.write(writer, b"%d\n" % write(share, tenants)))
    os.close(writer)
    os.set_blocking(reader, False)
    kills, text, sequencer = 0, b"", forked(sequence)
    ends = None
    while ends is None or (time.monotonic() < ends and waiting()):
        time.sleep(kill_every_s)
        while chunk := _read(reader):
            text += chunk
        if ends is None and text.count(b"\n") == writers:
            ends = time.monotonic() + SETTLE_S
        os.kill(sequencer, signal.SIGKILL)
        os.waitpid(sequencer, 0)
        kills += 1
        sequencer = forked(sequence)
    time.sleep(kill_every_s)  # for the last checkpoints
    os.kill(sequencer, signal.SIGKILL)
    print(json.dumps({"written": sum(map(int, text.split())), "kills": kills}))  # noqa: T201


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except BlockingIOError:
        return b""


def forked(work: Callable[[], object]) -> int:
    """A child that does this and ends; its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def write(share: range, tenants: int) -> int:
    """One writer's records, each in a transaction of its own; how many were committed."""
    from django.db import OperationalError, transaction  # noqa: PLC0415 - after setup

    from audit import services  # noqa: PLC0415
    from audit.actions import AuditAction  # noqa: PLC0415
    from audit.context import Scope, Target  # noqa: PLC0415

    written = 0
    for at in share:
        target, scope = Target("action", f"act_{at}"), Scope(f"ten_{at % tenants}")
        try:
            with transaction.atomic():
                services.record(AuditAction.ACTION_APPROVED, target=target, scope=scope)
        except OperationalError:  # SQLite's one writer was busy for too long
            continue
        written += 1
    return written


def sequence() -> None:
    """Give places and sign until killed."""
    from django.db import DatabaseError  # noqa: PLC0415 - after setup

    from audit.sequencer import Sequencer  # noqa: PLC0415
    from audit.tree import Broken  # noqa: PLC0415

    sequencer = Sequencer()
    while True:
        try:
            sequencer.tick()
        except (DatabaseError, OSError, Broken) as error:
            print(repr(error), file=sys.stderr)  # noqa: T201 - for whoever reads a failure
        time.sleep(0.05)


def waiting() -> bool:
    """Whether a tenant's record has no place yet; asked in a fork, so that none inherits a file."""
    reader, writer = os.pipe()
    forked(lambda: os.write(writer, b"%d" % _count_waiting()))
    os.close(writer)
    with os.fdopen(reader) as answer:
        return answer.read() != "0"


def _count_waiting() -> int:
    from audit.models import AuditRecord  # noqa: PLC0415 - after setup

    return AuditRecord.objects.filter(leaf=None).exclude(log="system").count()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
