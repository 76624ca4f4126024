"""T01 and T12: whichever byte of a large log is flipped, its row is named, in time and memory."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from audit import published
from audit.models import AuditRecord, Leaf
from audit.verification import LEAF, RECORD, LogReport, _LogCheck, verify
from tests.audit.filling import fill, sign_all
from tests.audit.superuser import unguard

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
LOG = "ten_acme"
ROOT = Path(__file__).resolve().parents[2]
# Every column of text that is evidence or repeats some of it.
OF_RECORD = (
    "body", "body_sha256", "log", "tenant", "environment", "action", "outcome", "actor_kind",
    "actor_id", "target_kind", "target_id", "correlation_id",
)  # fmt: skip
OF_LEAF = ("log", "leaf_hash", "completed")
# Flipped at once, which is fewer than the findings that are shown.
AT_ONCE = 5


@pytest.fixture
def log():
    """A log of so many records, without what protects it."""

    def make(count):
        fill(LOG, count)
        sign_all(LOG)
        unguard()

    return make


def named():
    """The records that a full verification names, the first one first."""
    reports = verify(public_keys=published.public_keys())
    return [finding.record for report in reports for finding in report.findings if report.log]


def flipped(text, chance):
    """Another bit in one byte of the text, which stays text that every database can store."""
    while True:
        at, bit = chance.randrange(len(text)), 1 << chance.randrange(7)
        other = chr(ord(text[at]) ^ bit)
        if other.isprintable() and other.isascii():
            return text[:at] + other + text[at + 1 :]


def flip(chance, index):
    """Flip a bit of one row; whose it is, and where."""
    leaf = Leaf.objects.select_related("record").get(log=LOG, leaf_index=index)
    model, row, names = chance.choice(
        [(AuditRecord, leaf.record, OF_RECORD), (Leaf, leaf, OF_LEAF)]
    )
    name = chance.choice([name for name in names if getattr(row, name)])
    return model, row.pk, {name: flipped(getattr(row, name), chance)}, leaf


def rightly_named(flips):
    """Which of these flipped bits are named by their row; a leaf that left its log, by its gap."""
    with transaction.atomic():
        for model, pk, changed, _ in flips:
            model._base_manager.filter(pk=pk).update(**changed)
        reports = verify(public_keys=published.public_keys(), only=LOG)
        transaction.set_rollback(True)
    findings = reports[1].findings
    named, gaps = {finding.record for finding in findings}, {one.leaf_index for one in findings}
    # A leaf that was changed also breaks the tree above it, once.
    if len(named - {str(leaf.pk) for *_, leaf in flips}) > sum(one[0] is Leaf for one in flips):
        return []
    return [
        one
        for one in flips
        if str(one[3].pk) in named
        or ("log" in one[2] and {one[3].leaf_index, one[3].leaf_index + 1} & gaps)
    ]


def named_by_all(chance, count, full):
    """How many of so many flips the full verify names: a few at a time, the rest one by one."""
    found = 0
    indexes = chance.sample(range(0, count, 2), full)
    for first in range(0, len(indexes), AT_ONCE):
        flips = [flip(chance, index) for index in indexes[first : first + AT_ONCE]]
        together = rightly_named(flips)
        found += len(together)
        found += sum(bool(rightly_named([one])) for one in flips if one not in together)
    return found


def named_by_its_hash(chance, check, rows):
    """Whether a flipped bit of the text alone is named, without reading the whole log."""
    leaf, record = chance.choice(rows)
    check.report = LogReport(LOG)
    check._record({**record, "body": flipped(record["body"], chance)}, leaf,
                  {"record": str(record["pk"]), "leaf_index": leaf["leaf_index"]})  # fmt: skip
    return {finding.record for finding in check.report.findings} == {str(record["pk"])}


def rows():
    records = {row["pk"]: row for row in AuditRecord.objects.values(*RECORD)}
    leaves = Leaf.objects.values(*LEAF)
    return [(leaf, records[leaf["record_id"]]) for leaf in leaves]


def try_flips(count, *, full, hashed, untouched):
    """How many of each were named, and how often an untouched log was blamed."""
    chance = random.Random(1)
    known, check = rows(), _LogCheck(LOG, [], [], {})
    false_alarms = sum(bool(named()) for _ in range(untouched))
    by_hash = sum(named_by_its_hash(chance, check, known) for _ in range(hashed))
    by_all = named_by_all(chance, count, full)
    print(  # noqa: T201 - the figure of the assurance page
        f"\nT01, {count} rows on {connection.vendor}: {by_all} of {full} flipped bits named by the "
        f"full verify, {by_hash} of {hashed} by the record's hash; {false_alarms} false alarms "
        f"in {untouched} runs"
    )
    return by_all, by_hash, false_alarms


def test_a_flipped_bit_is_named_by_its_row(log):
    log(600)
    assert try_flips(600, full=12, hashed=300, untouched=2) == (12, 300, 0)


def test_a_verifier_that_looks_at_no_hash_would_be_found(log, monkeypatch):
    """The planted fault: without the comparison of hashes flips go unnoticed, and this says so."""
    log(200)
    monkeypatch.setattr("audit.verification.leaf_hash", lambda text: bytes(32))
    monkeypatch.setattr(_LogCheck, "_record", lambda *_: None)
    assert try_flips(200, full=8, hashed=50, untouched=0)[:2] != (8, 50)


@pytest.mark.long
def test_ten_thousand_flipped_bits_are_named_by_their_rows(log):
    log(10_000)
    assert try_flips(10_000, full=500, hashed=9_500, untouched=100) == (500, 9_500, 0)


# In a process of its own, so that time and memory are those of the command.
COMMAND = """
import os, resource, sys, time
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
settings.AUDIT_DIR = sys.argv[2]
settings.DATABASES["default"]["NAME"] = sys.argv[1]
begun = time.perf_counter()
call_command("audit_verify", "--log", "ten_acme")
print("took", time.perf_counter() - begun, os.times().user,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.release
@pytest.mark.django_db(transaction=True)
def test_a_million_records_verify_in_time_and_memory(published_in):
    count = int(os.environ.get("AUDIT_RECORDS", "1000000"))
    fill(LOG, count)
    sign_all(LOG)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, connection.settings_dict["NAME"], str(published_in)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    _, took, cpu, peak = done.stdout.splitlines()[-1].split()
    print(  # noqa: T201 - the figure of the assurance page
        f"\nT12, {count} records on {connection.vendor}: verified in {float(took):.1f} s "
        f"({float(cpu):.1f} s of processor, {time.perf_counter() - begun:.1f} s with the start), "
        f"{float(peak):.0f} MB at the highest"
    )
    assert f"{count} leaves" in done.stdout
    assert float(took) <= 120
    assert float(peak) <= 300
