"""T07: many write while the sequencer is killed over and over; each record gets one place."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from audit import published, tree
from audit.models import AuditRecord, Leaf
from audit.verification import verify
from tests.audit.superuser import unguard

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("published_in")]


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


def run(load, folder):
    """Write while the sequencer is killed, then let it finish; what was written, and the kills."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "gateway.settings"}
    environment |= {"DATABASE_URL": url(), "COUNTERSIGN_DATA_DIR": str(folder)}
    numbers = (load.writers, load.tenants, load.records, load.kill_every_s)
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.crowd", *map(str, numbers)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    return found["written"], found["kills"]


def faults(load, written):
    """What is not as it must be, in words."""
    found = []
    if (count := AuditRecord.objects.exclude(log="system").count()) != written:
        found.append(f"{count} records, and {written} were committed")
    if (without := AuditRecord.objects.filter(leaf=None).exclude(log="system").count()) != 0:
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
    load = Load(writers=4, tenants=5, records=300, kill_every_s=0.5)
    assert tried(load, tmp_path) == []
    unguard()
    Leaf._base_manager.filter(log="ten_1", leaf_index=3)._raw_delete("default")
    assert any("ten_1: the places are not dense" in text for text in faults(load, 300))


@pytest.mark.long
def test_twenty_thousand_records_by_sixteen_writers_though_it_is_killed(tmp_path):
    load = Load(writers=16, tenants=20, records=20_000, kill_every_s=2.0)
    assert tried(load, tmp_path) == []
