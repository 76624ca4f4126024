"""T07: many write while the sequencer is killed over and over; each record gets one place."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import OperationalError, connection, connections, transaction

from audit import published, services, tree
from audit.actions import AuditAction
from audit.context import Scope, Target
from audit.models import AuditRecord, Leaf, Pending
from audit.verification import verify
from tests.audit.superuser import unguard

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("published_in")]
SETTLE_S = 180.0


@dataclass(frozen=True)
class Load:
    """How many write how much, and how often the sequencer is killed."""

    writers: int
    tenants: int
    records: int
    kill_every_s: float


def url():
    """The address of this test's database."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    host = quote(str(found["HOST"]), safe="/")
    return f"postgresql:///{found['NAME']}?user={found['USER']}&host={host}"


@contextmanager
def sequencing(folder):
    """A process that gives places; whoever asks for it kills the one before."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "gateway.settings"}
    environment |= {"DATABASE_URL": url(), "COUNTERSIGN_DATA_DIR": str(folder)}

    def anew():
        if running:
            running[-1].kill()
            running[-1].wait()
        command = [sys.executable, "-m", "tests.audit.sequencing"]
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment))

    try:
        yield anew
    finally:
        for process in running:
            process.kill()
            process.wait()


def write(number, load):
    """One writer's share, each record in a transaction of its own; how many were committed."""
    written = 0
    try:
        for at in range(number, load.records, load.writers):
            try:
                with transaction.atomic():
                    services.record(
                        AuditAction.ACTION_APPROVED,
                        target=Target("action", f"act_{at}"),
                        scope=Scope(f"ten_{at % load.tenants}"),
                    )
            except OperationalError:  # SQLite's one writer was busy for too long
                continue
            written += 1
    finally:
        connections.close_all()
    return written


def run(load, folder):
    """Write while the sequencer is killed, then let it finish; what was written, and the kills."""
    kills = 0
    with ThreadPoolExecutor(load.writers) as pool, sequencing(folder) as anew:
        anew()
        shares = [pool.submit(write, number, load) for number in range(load.writers)]
        while not all(share.done() for share in shares):
            time.sleep(load.kill_every_s)
            anew()
            kills += 1
        ends = time.monotonic() + SETTLE_S
        while Pending.objects.exists() and time.monotonic() < ends:
            time.sleep(0.2)
    return sum(share.result() for share in shares), kills


def faults(load, written):
    """What is not as it must be, in words."""
    found = []
    if (count := AuditRecord.objects.count()) != written:
        found.append(f"{count} records, and {written} were committed")
    if (without := AuditRecord.objects.filter(leaf=None).count()) != 0:
        found.append(f"{without} records without a place")
    for number in range(load.tenants):
        log = f"ten_{number}"
        places = Leaf.objects.filter(log=log).order_by("leaf_index")
        indices = list(places.values_list("leaf_index", flat=True))
        if indices != list(range(AuditRecord.objects.filter(log=log).count())):
            found.append(f"{log}: the places are not dense")
    reports = verify(public_keys=published.public_keys())
    return found + [finding.text for report in reports for finding in report.findings]


def tried(load, folder):
    """Run it, say the figure, and give what is wrong."""
    (folder / "audit").mkdir(exist_ok=True)
    written, kills = run(load, folder)
    wrong = faults(load, written)
    signed = sum(tree.newest_checkpoint(log) is not None for log in tree.logs())
    print(  # noqa: T201 - the figure of the assurance page
        f"\nT07 on {connection.vendor}: {load.writers} writers, {load.tenants} tenants, "
        f"{written} records, sequencer killed {kills} times: {len(wrong)} faults, "
        f"{signed} logs signed"
    )
    return wrong


def test_every_record_has_one_place_though_the_sequencer_is_killed(tmp_path):
    load = Load(writers=4, tenants=5, records=300, kill_every_s=1.5)
    assert tried(load, tmp_path) == []
    unguard()
    Leaf._base_manager.filter(log="ten_1", leaf_index=3)._raw_delete("default")
    assert any("ten_1: the places are not dense" in text for text in faults(load, 300))


@pytest.mark.long
def test_twenty_thousand_records_by_sixteen_writers_though_it_is_killed(tmp_path):
    load = Load(writers=16, tenants=20, records=20_000, kill_every_s=2.0)
    assert tried(load, tmp_path) == []
