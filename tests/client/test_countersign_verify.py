"""T11: what was exported is verified without us, and whatever was altered is named."""

import json
import random
import shutil
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import checkpoints, exported, exporting, published, sequencer, services
from audit.actions import AuditAction
from audit.checkpoints import Head
from audit.context import Scope, Target
from audit.models import AuditRecord
from audit.verification import CannotVerify
from tests.audit.conftest import give_all
from tests.client.verifier import FILE, load
from tests.factories.audit import AuditRecordFactory

pytestmark = pytest.mark.django_db
LOG = "ten_acme"
SIZE = 30
EVERY = 6
# Lines altered at once: few enough that the verifier shows a finding of each.
AT_ONCE = 8
offline = load()


@pytest.fixture
def published_in(settings, tmp_path):
    settings.AUDIT_DIR = tmp_path / "audit"
    return settings.AUDIT_DIR


@pytest.fixture
def log(published_in):
    """Thirty leaves with a checkpoint after each six."""
    AuditRecordFactory.create_batch(SIZE, scope=Scope(LOG))
    give_all()
    published.announce_key(sequencer._public_key())
    for size in range(EVERY, SIZE + 1, EVERY):
        sequencer.sign(LOG, size)


@pytest.fixture
def folder(log, tmp_path) -> Path:
    """The whole log, exported."""
    exporting.write(exporting.span_of_leaves(LOG, 0, SIZE), tmp_path / "export")
    return tmp_path / "export"


def keys():
    return published.public_keys()


def check(folder, *, kept=()):
    """What the offline verifier finds; the server's own agrees with it on whether there is any."""
    report = offline.verify(folder, keys=keys(), kept=list(kept))
    ours = exported.verify(folder, public_keys=keys(), external=[])
    assert kept or bool(ours.found) == bool(report.found)
    return report


def alter(folder, number, change):
    """Change the bytes of one line, counted from 1."""
    path = folder / exporting.RECORDS
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    path.write_bytes(b"".join(lines))


def flipped(line, at):
    return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]


def another_digit(line, at):
    """Still a hash, but another one."""
    return line[:at] + (b"1" if line[at : at + 1] == b"0" else b"0") + line[at + 1 :]


def test_an_export_that_nobody_touched_verifies(folder):
    report = check(folder)
    assert (report.found, report.leaves, report.records, report.checkpoints) == (0, SIZE, SIZE, 5)
    assert report.root == published.newest(LOG).root.hex()


@pytest.mark.parametrize("first", range(0, SIZE, 7))
def test_a_range_verifies_by_what_stands_to_its_left_and_ends_with_a_checkpoint(
    log, tmp_path, first
):
    span = exporting.span_of_leaves(LOG, first, first + 2)
    exporting.write(span, tmp_path / "range")
    report = check(tmp_path / "range")
    assert (report.found, report.records) == (0, 2)
    assert (first + report.leaves) % EVERY == 0


def test_what_is_held_back_is_proven_by_its_hash_alone(folder, log):
    span = exporting.span_of_leaves(LOG, 0, SIZE)
    kept = list(exporting.lines(span, holds_back=lambda record: record.body.find("7") > 0))
    (folder / exporting.RECORDS).write_bytes(b"".join(kept))
    report = check(folder)
    assert report.found == 0
    assert report.records == sum(b'"record"' in line for line in kept) < SIZE


def test_every_byte_of_a_line_counts(folder):
    number = 16
    whole = (folder / exporting.RECORDS).read_bytes()
    line = whole.splitlines(keepends=True)[number - 1]
    missed = []
    for at in range(0, len(line), 3):
        (folder / exporting.RECORDS).write_bytes(whole)
        alter(folder, number, lambda line, at=at: flipped(line, at))
        if number not in {finding.line for finding in check(folder).findings}:
            missed.append(at)
    assert missed == []


def remove(lines, at):
    del lines[at]


def repeat(lines, at):
    lines.insert(at, lines[at])


def swap(lines, at):
    lines[at - 1], lines[at] = lines[at], lines[at - 1]


def cut(lines, at):
    del lines[at:]


def forge(lines, at):
    """Another record, with its right hash beside it: only a checkpoint can tell."""
    head, record = lines[at][:-2].split(b',"record":')
    record = record.replace(b'"outcome":"ok"', b'"outcome":"no"')
    index = json.loads(head + b"}")["leaf_index"]
    digest = offline.hashlib.sha256(b"\0" + record).hexdigest()
    text = f'{{"leaf_index":{index},"leaf_hash":"{digest}","record":{record.decode()}}}\n'
    lines[at] = text.encode()


# The line that is named, where the attack strikes the line behind the first `at` ones.
ATTACKS = {
    remove: lambda at: at + 1,
    repeat: lambda at: at + 2,
    swap: lambda at: at,
    cut: lambda at: at + 1,
    forge: lambda at: at - at % EVERY + 1,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_on_an_export_is_found_wherever_it_strikes(folder, attack):
    path = folder / exporting.RECORDS
    whole = path.read_bytes().splitlines(keepends=True)
    for at in range(1, SIZE):
        lines = list(whole)
        attack(lines, at)
        path.write_bytes(b"".join(lines))
        found = [finding.line for finding in check(folder).findings]
        assert found[0] == ATTACKS[attack](at)


def test_a_hash_that_was_altered_beside_a_sound_record_is_not_taken_for_the_tree(folder):
    alter(folder, 5, lambda line: another_digit(line, line.index(b'"leaf_hash":"') + 20))
    report = check(folder)
    assert [finding.line for finding in report.findings] == [5]
    assert report.root == published.newest(LOG).root.hex()


def test_a_checkpoint_of_another_key_is_refused(folder):
    report = offline.verify(folder, keys=["11" * 32], kept=[])
    assert report.found >= 5
    assert "not signed by a key that is trusted" in report.findings[0].text


def test_a_kept_checkpoint_that_disagrees_is_told(folder, tmp_path, settings):
    """Ours signed another tree of that size for somebody else."""
    head = published.newest(LOG)
    forged = checkpoints.sign(Head(LOG, head.size, bytes(32)), settings.AUDIT_SIGNING_KEY)
    kept = tmp_path / "kept.txt"
    kept.write_text(forged + "\n")
    (found,) = check(folder, kept=[kept]).findings
    assert found.text == f"two signed checkpoints of {head.size} leaves have different roots"


def test_without_a_key_the_one_in_the_export_is_believed_and_that_is_said(folder):
    report = offline.verify(folder, keys=[], kept=[])
    assert report.found == 0
    assert "believed the one in the export" in report.notes[0]


@pytest.mark.parametrize("name", ["manifest.json", "records.jsonl", "checkpoints.txt"])
def test_what_is_no_export_ends_with_two(folder, name, capsys):
    (folder / name).unlink()
    assert offline.main([str(folder), "--public-key", keys()[0]]) == 2
    assert "cannot verify" in capsys.readouterr().err
    with pytest.raises(CannotVerify):
        exported.verify(folder, public_keys=keys(), external=[])


def test_a_key_may_be_written_as_tools_for_signed_notes_write_it(folder, tmp_path):
    """As `GET audit/checkpoint` gives it to whoever has no shell at the server."""
    key = checkpoints.verifier_key(LOG, keys()[0])
    file = tmp_path / "key"
    file.write_text(f"{key}\n")
    for given in (key, str(file)):
        assert offline.main([str(folder), "--public-key", given]) == 0
    other = checkpoints.verifier_key(LOG, "11" * 32)
    assert offline.main([str(folder), "--public-key", other]) == 1


@pytest.mark.parametrize("change", ["", "x", "+", "ten+00000000+AQ==", "{0}x", "x{0}"])
def test_what_is_no_key_is_not_taken_for_one(folder, tmp_path, change, capsys):
    file = tmp_path / "key"
    file.write_text(change.format(checkpoints.verifier_key(LOG, keys()[0])))
    assert offline.main([str(folder), "--public-key", str(file)]) == 2
    assert "no key" in capsys.readouterr().err


def verify_elsewhere(folder, key):
    """As an auditor would: another folder, another process, no Django."""
    command = [sys.executable, "-I", "countersign_verify.py", "export", "--public-key", key]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_auditors_walk(log, published_in, tmp_path):
    """docs/audit.md, step by step."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(published_in / "public-keys", elsewhere / "countersign.key")
    month = timezone.now().strftime("%Y-%m")
    out = StringIO()
    call_command(
        "audit_export", str(tmp_path / "export"), "--log", LOG, "--month", month, stdout=out
    )
    assert "leaves 0 to 29 (30, of which 30 with their records)" in out.getvalue()
    shutil.move(tmp_path / "export", elsewhere / "export")
    shutil.copy(FILE, elsewhere)

    sound = verify_elsewhere(elsewhere, "countersign.key")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert "ok     ten_acme: 30 leaves, 30 records, 5 signed checkpoints" in sound.stdout

    alter(elsewhere / "export", 18, lambda line: line.replace(b"act_", b"acT_", 1))
    changed = verify_elsewhere(elsewhere, "countersign.key")
    assert changed.returncode == 1
    assert "WRONG  records.jsonl line 18, leaf 17, record " in changed.stdout


def test_an_export_is_itself_recorded_and_is_made_whole_or_not_at_all(log, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(CommandError, match="exists already"):
        call_command("audit_export", str(tmp_path / "there"), "--log", LOG)
    assert list((tmp_path / "there").iterdir()) == []
    record = AuditRecord.objects.filter(action=AuditAction.RECORDS_EXPORTED).first()
    assert (record.log, record.target_id) == (LOG, LOG)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log", "ten_nobody"], "no such records"),
        (["--log", LOG, "--month", "2026-13"], "no month"),
        (["--log", LOG, "--month", "2020-01"], "no such records"),
        (["--log", LOG, "--since", "2026-11-01"], "no time with a zone"),
        (["--log", LOG, "--first", "90"], "there are none"),
        (["--log", LOG, "--first", "1", "--month", "2026-11"], "choose"),
    ],
)
def test_bad_options_of_the_command_say_what_is_wrong(log, tmp_path, options, said):
    with pytest.raises(CommandError, match=said):
        call_command("audit_export", str(tmp_path / "export"), *options)
    assert not (tmp_path / "export").exists()


def test_the_servers_own_command_verifies_an_export_too(folder):
    out = StringIO()
    call_command("audit_verify", "--export", str(folder), stdout=out)
    assert "30 leaves" in out.getvalue()
    alter(folder, 18, lambda line: line.replace(b"act_", b"acT_", 1))
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", "--export", str(folder), stdout=out)
    assert ended.value.code == 1


def large(count, tmp_path) -> Path:
    """An export of so many leaves with a checkpoint after each 256."""
    for _ in range(0, count, 1000):
        services.append(
            *(
                services.draft(
                    AuditAction.ACTION_APPROVED,
                    target=Target("action", f"act_{number:026d}"),
                    scope=Scope(LOG),
                )
                for number in range(1000)
            )
        )
        give_all()
    published.announce_key(sequencer._public_key())
    for size in range(256, count, 256):
        sequencer.sign(LOG, size)
    sequencer.sign(LOG, count)
    exporting.write(exporting.span_of_leaves(LOG, 0, count), tmp_path / "large")
    return tmp_path / "large"


def lines_named(folder, changes) -> list[int]:
    """Which of the changed lines are named where these bytes are changed, and changed back."""
    path = folder / exporting.RECORDS
    with path.open("r+b", buffering=0) as file:
        before = {}
        for at, bit, _ in changes:
            file.seek(at)
            before[at] = file.read(1)
            file.seek(at)
            file.write(bytes([before[at][0] ^ bit]))
        named = {finding.line for finding in offline.verify(folder, keys=keys(), kept=[]).findings}
        for at, byte in before.items():
            file.seek(at)
            file.write(byte)
    # A line that a flipped byte ended early is named by the line that begins there.
    return [line for _, _, line in changes if {line, line + 1} & named]


def altered_and_found(folder, count, samples) -> int:
    """In how many of so many samples one random bit of one line was found, and that line named.

    A few at a time, as long as each of them is named; whichever is not is tried alone.
    """
    whole = (folder / exporting.RECORDS).read_bytes()
    starts = [0]
    for line in whole.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    chance = random.Random(11)
    changes = [
        (chance.randrange(starts[at], starts[at + 1]), 1 << chance.randrange(8), at + 1)
        for at in chance.sample(range(0, count, 2), samples)  # no two are neighbours
    ]
    found = set()
    for first in range(0, samples, AT_ONCE):
        some = changes[first : first + AT_ONCE]
        found |= set(lines_named(folder, some))
        for change in some:
            if change[2] not in found:
                found |= set(lines_named(folder, [change]))
    return len(found)


def test_one_altered_line_of_a_large_export_is_named(published_in, tmp_path):
    folder = large(1000, tmp_path)
    assert altered_and_found(folder, 1000, 40) == 40


def test_a_verifier_that_believes_the_hash_beside_a_record_would_be_found(
    published_in, tmp_path, monkeypatch
):
    """The planted fault: hashes are read and the records under them are not."""

    def believing(checker, number, line):
        if found := offline.LINE.fullmatch(line.rstrip(b"\n")):
            checker.tree.append(bytes.fromhex(found[2].decode()))

    folder = large(300, tmp_path)
    monkeypatch.setattr(offline.Checker, "_line", believing)
    assert altered_and_found(folder, 300, 20) < 20


@pytest.mark.long
def test_one_hundred_thousand_records_verify_offline_in_time(published_in, tmp_path):
    count, samples = 100_000, 1_000
    folder = large(count, tmp_path)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", str(FILE), str(folder), "--public-key", keys()[0]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = time.perf_counter() - begun
    print(f"\nT11: {count} records verified offline in {took:.2f} s")  # noqa: T201
    assert done.returncode == 0, done.stdout
    assert took <= 30
    found = altered_and_found(folder, count, samples)
    print(f"T11: {found} of {samples} altered lines named")  # noqa: T201
    assert found == samples
