"""T02: whatever the owner of the database does to the log is detected, and its place is named."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import checkpoints, published, sequencer, services, tree
from audit.checkpoints import Head
from audit.context import Scope
from audit.models import AuditRecord, Checkpoint, Leaf
from audit.verification import CannotVerify, _LogCheck, verify
from tests.audit.superuser import guard, unguard
from tests.factories.audit import AuditRecordFactory, CheckpointFactory, LeafFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
LOG = "ten_acme"
SIZE = 50
EVERY = 10
COPIED = ("body", "body_sha256", "body_json", "action", "target_id", "correlation_id")


@pytest.fixture
def log():
    """The records of a log of fifty leaves with a checkpoint after each ten."""
    rows = AuditRecordFactory.create_batch(SIZE, scope=Scope(LOG))
    while sequencer.sequence():
        pass
    published.announce_key(sequencer._public_key())
    for size in range(EVERY, SIZE + 1, EVERY):
        sequencer.sign(LOG, size)
    return rows


def findings():
    reports = verify(public_keys=published.public_keys())
    return [finding for report in reports for finding in report.findings if report.log]


def rebuild(rows):
    """A whole tree over these records, as if they had always been the log."""
    Leaf._base_manager.all()._raw_delete("default")
    Leaf.objects.bulk_create(sequencer._leaves(LOG, [(row.pk, row.body) for row in rows]))


def forget(rows):
    Leaf._base_manager.filter(record__in=rows)._raw_delete("default")
    AuditRecord._base_manager.filter(pk__in=[row.pk for row in rows])._raw_delete("default")


def change(row, **fields):
    AuditRecord._base_manager.filter(pk=row.pk).update(**fields)


def delete(rows, at):
    forget([rows[at]])


def insert(rows, at):
    made = AuditRecordFactory(scope=Scope(LOG))
    rebuild([*rows[:at], made, *rows[at:]])


def swap(rows, at):
    one, two = rows[at], rows[at - 1]
    change(one, **{name: getattr(two, name) for name in COPIED})
    change(two, **{name: getattr(one, name) for name in COPIED})


def duplicate(rows, at):
    copy = AuditRecordFactory(scope=Scope(LOG))
    change(copy, **{name: getattr(rows[at], name) for name in COPIED})
    copy.refresh_from_db()
    Leaf.objects.bulk_create(sequencer._leaves(LOG, [(copy.pk, copy.body)]))


def reindex(rows, at):
    other = at - 1 if at else 1
    leaves = Leaf._base_manager
    leaves.filter(record=rows[at]).update(leaf_index=SIZE)
    leaves.filter(record=rows[other]).update(leaf_index=at)
    leaves.filter(record=rows[at]).update(leaf_index=other)


def truncate(rows, at):
    forget(rows[at:])
    Checkpoint._base_manager.filter(size__gt=at)._raw_delete("default")


def restore(rows, at):
    """An old backup, on which the application went on."""
    truncate(rows, at)
    rebuild([*rows[:at], *AuditRecordFactory.create_batch(SIZE - at + 1, scope=Scope(LOG))])


def sign_anew(rows, at):
    """One record, and everything that follows from it, with a key of one's own."""
    document = {**rows[at].body_json, "outcome": "harmless"}
    text = services.canonical(document)
    change(
        rows[at], outcome="harmless", body=text.decode(), body_json=document,
        body_sha256=services.hashlib.sha256(text).hexdigest(),
    )  # fmt: skip
    rebuild([AuditRecord.objects.get(pk=row.pk) for row in rows])
    for checkpoint in Checkpoint.objects.all():
        root = tree.root(LOG, checkpoint.size)
        note = checkpoints.sign(Head(LOG, checkpoint.size, root), "66" * 32)
        Checkpoint._base_manager.filter(pk=checkpoint.pk).update(root=root.hex(), note=note)


def names_the_record(rows, at, found):
    return str(rows[at].pk) in {finding.record for finding in found}


def names_the_place(rows, at, found):
    return {at, at + 1} & {finding.leaf_index for finding in found}


def names_the_leaves_since_the_last_good_checkpoint(rows, at, found):
    start = at - at % EVERY
    return any(finding.check in ("root", "truncated") for finding in found) and start in {
        finding.leaf_index for finding in found
    }


def names_the_first_of_both(rows, at, found):
    return {max(at - 1, 0), at} & {finding.leaf_index for finding in found}


def names_the_copy(rows, at, found):
    known = {str(row.pk) for row in rows}
    return any(finding.field == "id" and finding.record not in known for finding in found)


ATTACKS = {
    delete: names_the_place,
    insert: names_the_leaves_since_the_last_good_checkpoint,
    swap: names_the_record,
    duplicate: names_the_copy,
    reindex: names_the_first_of_both,
    truncate: names_the_place,
    restore: names_the_leaves_since_the_last_good_checkpoint,
    sign_anew: names_the_leaves_since_the_last_good_checkpoint,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_detected_wherever_it_strikes_and_named(log, attack):
    unguard()
    missed = []
    for at in range(SIZE):
        with transaction.atomic():
            attack(log, at)
            if not ATTACKS[attack](log, at, findings()):
                missed.append(at)
            transaction.set_rollback(True)
    assert missed == []
    assert findings() == []


@pytest.mark.parametrize("attack", [insert, truncate, restore, sign_anew])
def test_a_verifier_that_asks_no_checkpoint_would_be_found(log, attack, monkeypatch):
    """The planted fault: trees are compared with nothing that was signed or published."""
    monkeypatch.setattr(_LogCheck, "_agree", lambda *_: None)
    monkeypatch.setattr(_LogCheck, "_end", lambda *_: None)
    unguard()
    attack(log, 25)
    assert not ATTACKS[attack](log, 25, findings())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body_sha256", "00" * 32),
        ("body_json", {"v": 1}),
        ("reason", "harmless"),
        ("tenant", "ten_other"),
        ("actor_id", "usr_other"),
        ("occurred_at", "2020-01-01T00:00:00Z"),
    ],
)
def test_a_column_that_says_something_else_is_named(log, column, value):
    unguard()
    change(log[7], **{column: value})
    (found,) = findings()
    assert (found.record, found.leaf_index, found.field) == (str(log[7].pk), 7, column)


def test_a_leaf_that_hides_in_front_of_the_first_one_is_counted(log):
    LeafFactory(record=AuditRecordFactory(scope=Scope(LOG)), leaf_index=-1)
    (found,) = findings()
    assert (found.check, found.text) == ("sequence", "51 rows stand for 50 leaves")


def test_a_stored_checkpoint_that_lies_about_its_note_is_found(log):
    unguard()
    Checkpoint._base_manager.filter(size=30).update(root="00" * 32)
    (found,) = findings()
    assert (found.check, found.leaf_index) == ("checkpoint", 30)


def test_a_checkpoint_kept_elsewhere_shows_what_nothing_here_does(log, published_in):
    kept = published.newest(LOG)
    unguard()
    forget(log[45:])
    Checkpoint._base_manager.filter(size__gt=40)._raw_delete("default")
    AuditRecord._base_manager.filter(log="system")._raw_delete("default")
    (published_in / LOG / "checkpoints.txt").unlink()
    assert findings() == []
    reports = verify(public_keys=published.public_keys(), external=[kept])
    (found,) = [finding for report in reports[1:] for finding in report.findings]
    assert (found.check, found.leaf_index) == ("truncated", 45)


def test_a_log_and_all_its_own_checkpoints_made_anew_still_disagree_with_the_deployments_log(
    log, published_in
):
    """Whoever keeps the heads of that one log has those of all."""
    unguard()
    change(log[7], body='{"forged":true}')
    Checkpoint._base_manager.filter(log=LOG)._raw_delete("default")
    (published_in / LOG / "checkpoints.txt").unlink()
    rebuild([AuditRecord.objects.get(pk=row.pk) for row in log])
    texts = [finding.text for finding in findings()]
    assert any("the head in log system of 10 leaves has another root" in text for text in texts)


def test_a_record_without_a_place_is_named_once_it_is_old(log):
    AuditRecordFactory(scope=Scope(LOG))
    assert verify(public_keys=published.public_keys())[0].findings == []
    unguard()
    old = AuditRecordFactory(scope=Scope(LOG))
    change(old, occurred_at="2020-01-01T00:00:00Z")
    guard()
    (found,) = verify(public_keys=published.public_keys())[0].findings
    assert (found.check, found.record) == ("place", str(old.pk))


def test_missing_triggers_are_named(log):
    unguard()
    missing = verify(public_keys=published.public_keys())[0].findings
    assert len(missing) == (10 if connection.vendor == "sqlite" else 7)
    assert {finding.check for finding in missing} == {"triggers"}


def run(*options):
    """What the command printed, and its exit code."""
    out = StringIO()
    try:
        call_command("audit_verify", *options, stdout=out)
    except SystemExit as error:
        return out.getvalue(), error.code
    return out.getvalue(), 0


def test_the_command_says_of_a_sound_log_that_it_is(log):
    text, code = run()
    assert code == 0
    assert f"ok     {LOG}: 50 leaves, 5 checkpoints, 5 published" in text
    document = json.loads(run("--json", "--log", LOG)[0])
    assert document["ok"] is True
    assert document["logs"][0]["root"] == Checkpoint.objects.get(size=50).root


def test_the_command_names_the_first_bad_record_and_ends_with_one(log):
    unguard()
    change(log[7], body='{"forged":true}')
    text, code = run()
    assert code == 1
    assert f"WRONG  {LOG} leaf 7 record {log[7].pk}" in text
    found = json.loads(run("--json")[0])["logs"][0]["findings"][0]
    assert (found["record"], found["leaf_index"]) == (str(log[7].pk), 7)


@pytest.mark.parametrize("options", [["--log", "ten_nobody"], ["--checkpoints", "nowhere.txt"]])
def test_the_command_ends_with_two_where_it_cannot_say(log, options):
    with pytest.raises(CommandError, match="cannot verify") as caught:
        call_command("audit_verify", *options)
    assert caught.value.returncode == 2


def test_without_a_key_nobody_can_say_whether_a_checkpoint_is_genuine():
    CheckpointFactory()
    with pytest.raises(CannotVerify, match="--public-key"):
        verify(public_keys=published.public_keys())


def test_another_key_than_the_one_that_signed_is_refused_for_each_checkpoint(log):
    text, code = run("--public-key", "11" * 32)
    assert code == 1
    assert text.count("no key that is trusted here") == 5


def test_the_newest_checkpoint_is_printed_and_taken_back(log, tmp_path):
    out = StringIO()
    call_command("audit_checkpoint", "--log", LOG, stdout=out)
    kept = tmp_path / "kept.txt"
    kept.write_text(out.getvalue() + "\n")
    assert checkpoints.parse(out.getvalue()) == published.newest(LOG)
    assert run("--checkpoints", str(kept))[1] == 0


def test_before_the_first_checkpoint_there_is_nothing_to_print():
    with pytest.raises(CommandError, match="no checkpoint yet"):
        call_command("audit_checkpoint")


def test_a_log_is_read_in_chunks(log, monkeypatch):
    monkeypatch.setattr("audit.verification.CHUNK", 7)
    seen = []
    verify(public_keys=published.public_keys(), progress=lambda _, leaves: seen.append(leaves))
    assert seen == [7, 14, 21, 28, 35, 42, 49, 50]
    assert findings() == []
