"""Every committed record gets one place; what is signed only ever grows."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from audit import checkpoints, merkle, published, sequencer, tree
from audit.actions import AuditAction
from audit.context import Scope
from audit.models import AuditRecord, Checkpoint, Leaf, Pending
from audit.sequencer import Inconsistent, Sequencer
from tests.audit.superuser import guard, unguard
from tests.factories.audit import AuditRecordFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
ACME, OTHER = Scope("ten_acme"), Scope("ten_other")


def records(count, scope=ACME):
    return AuditRecordFactory.create_batch(count, scope=scope)


def waiting():
    """The records without a place, but those that say which heads were signed."""
    said = AuditRecord.objects.filter(action=AuditAction.CHECKPOINT_SIGNED)
    return Pending.objects.exclude(record_id__in=said.values("pk"))


def places(log="ten_acme"):
    rows = Leaf.objects.filter(log=log).order_by("leaf_index")
    return list(rows.values_list("leaf_index", "record_id"))


def test_records_get_places_in_their_order_each_in_the_log_of_its_tenant():
    mine, theirs, of_nobody = records(3), records(2, OTHER), records(1, Scope(None))

    assert Sequencer().tick() == 6

    assert places() == [(n, row.pk) for n, row in enumerate(mine)]
    assert places("ten_other") == [(n, row.pk) for n, row in enumerate(theirs)]
    assert places("system") == [(0, of_nobody[0].pk)]
    assert not waiting().exists()


def test_a_record_that_is_committed_late_gets_a_later_place():
    late, early = records(2)
    Pending.objects.filter(record_id=late.pk).delete()
    sequencer.sequence()
    Pending.objects.create(record_id=late.pk)
    sequencer.sequence()
    assert places() == [(0, early.pk), (1, late.pk)]


def test_nothing_gets_two_places():
    records(3)
    Sequencer().tick()
    placed = AuditRecord.objects.exclude(leaf=None)
    Pending.objects.bulk_create(Pending(record_id=row.pk) for row in placed)
    Sequencer().tick()
    assert len(places()) == 3
    assert not waiting().exists()


def test_records_of_an_earlier_release_enter_before_new_ones(monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 2)
    monkeypatch.setattr(sequencer, "LOOKED_AT", 3)
    old = records(5)
    Pending.objects.all().delete()
    new = records(3)
    Sequencer().tick()
    assert [pk for _, pk in places()] == [row.pk for row in old + new]


def test_the_stored_tree_is_that_of_the_records_at_every_size():
    rows = records(37)
    Sequencer().tick()
    whole = merkle.Frontier()
    for size, row in enumerate(rows, start=1):
        whole.append(merkle.leaf_hash(row.body.encode()))
        assert tree.root("ten_acme", size) == whole.root()


def test_every_record_is_proven_towards_the_checkpoint_and_others_are_not():
    rows = records(11)
    Sequencer().tick()
    uncovered = records(1)[0]
    for row in rows:
        found = tree.inclusion(row)
        merkle.check_inclusion(
            merkle.leaf_hash(row.body.encode()),
            index=found.leaf.leaf_index,
            size=found.checkpoint.size,
            proof=found.hashes,
            root=bytes.fromhex(found.checkpoint.root),
        )
    assert tree.inclusion(uncovered) is None


def test_a_checkpoint_is_signed_kept_outside_and_found_in_the_file_of_all(published_in):
    records(3)
    Sequencer().tick()
    checkpoint = Checkpoint.objects.get()
    head = checkpoints.verify(checkpoint.note, published.public_keys())
    assert (head.log, head.size, head.root.hex()) == ("ten_acme", 3, checkpoint.root)
    assert published.newest("ten_acme") == head
    assert list(published.entries("ten_acme")) == [head]
    kept = [published_in, *published_in.rglob("*")]
    assert not [path for path in kept if path.stat().st_mode & 0o077]


def test_more_logs_than_there_is_time_for_are_signed_by_the_next_ticks(monkeypatch):
    for name in ("a", "b", "c"):
        records(1, Scope(f"ten_{name}"))
    leader = Sequencer()
    signed = []
    monkeypatch.setattr(sequencer, "SIGNING_S", -1.0)
    leader.tick()
    signed.append(Checkpoint.objects.count())
    monkeypatch.setattr(sequencer, "SIGNING_S", 1.0)
    leader.tick()
    signed.append(Checkpoint.objects.count())
    assert signed == [0, 3]


def age(seconds):
    """The newest checkpoint becomes older."""
    unguard()
    Checkpoint._base_manager.update(signed_at=timezone.now() - timedelta(seconds=seconds))
    guard()


def test_a_checkpoint_waits_for_ten_seconds_or_many_leaves_and_for_something_new(monkeypatch):
    monkeypatch.setattr(sequencer, "CHECKPOINT_LEAVES", 4)
    leader = Sequencer()

    def sizes_after(count):
        leader.unsigned = dict.fromkeys(leader.unsigned, 0.0)
        records(count)
        leader.tick()
        signed = Checkpoint.objects.filter(log="ten_acme").order_by("size")
        return list(signed.values_list("size", flat=True))

    assert sizes_after(1) == [1]
    assert sizes_after(3) == [1]
    assert sizes_after(1) == [1, 5]
    assert sizes_after(1) == [1, 5]
    age(sequencer.CHECKPOINT_S + 1)
    assert sizes_after(0) == [1, 5, 6]
    age(sequencer.CHECKPOINT_S + 1)
    assert sizes_after(0) == [1, 5, 6]


def test_without_the_key_places_are_given_and_nothing_is_signed(settings):
    settings.AUDIT_SIGNING_KEY = ""
    records(2)
    Sequencer().tick()
    assert len(places()) == 2
    assert not Checkpoint.objects.exists()
    assert published.public_keys() == []


def signed_log(count):
    rows = records(count)
    Sequencer().tick()
    unguard()
    return rows


def test_an_old_state_of_the_database_is_not_signed():
    signed_log(5)
    Checkpoint._base_manager.all().delete()
    Leaf._base_manager.filter(leaf_index__gte=3).delete()
    with pytest.raises(Inconsistent, match="5 leaves was published, the log has 3"):
        sequencer.sign("ten_acme", 3)
    assert not Checkpoint.objects.exists()


def test_a_log_that_was_rewritten_is_not_signed():
    rows = signed_log(5)
    Checkpoint._base_manager.all().delete()
    Leaf._base_manager.all().delete()
    AuditRecord._base_manager.filter(pk=rows[2].pk).update(body='{"forged":true}')
    Pending.objects.bulk_create(Pending(record_id=row.pk) for row in rows)
    guard()
    records(1)
    Sequencer().tick()
    assert len(places()) == 6
    assert not Checkpoint.objects.filter(log="ten_acme").exists()
    with pytest.raises(Inconsistent, match="not those that were published"):
        sequencer.sign("ten_acme", 5)


def test_without_the_file_the_last_checkpoint_of_the_database_counts(published_in):
    signed_log(4)
    Leaf._base_manager.filter(leaf_index=3).delete()
    (published_in / "ten_acme" / "newest").unlink()
    with pytest.raises(Inconsistent, match="4 leaves was published"):
        sequencer.sign("ten_acme", 3)


def test_a_crash_between_file_and_database_signs_the_same_once_more():
    signed_log(4)
    head = published.newest("ten_acme")
    Checkpoint._base_manager.all().delete()
    sequencer.sign("ten_acme", 4)
    assert list(published.entries("ten_acme")) == [head]
    assert Checkpoint.objects.get().size == 4


@pytest.mark.parametrize("cut", [1, 2, 20, 70, 110, 150, 170])
def test_an_entry_that_a_crash_cut_hides_no_other(published_in, cut):
    signed_log(2)
    first = published.newest("ten_acme")
    file = published_in / "ten_acme" / "checkpoints.txt"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:cut])
    guard()
    records(1)
    Sequencer().tick()
    sequencer.sign("ten_acme", 3)
    found = [head for head in published.entries("ten_acme") if head]
    assert found[0] == first
    assert found[-1].size == 3


def test_a_log_whose_name_leads_elsewhere_is_not_published(published_in):
    records(1, Scope("../../ten"))
    Sequencer().tick()
    assert len(places("../../ten")) == 1
    assert not Checkpoint.objects.exists()


def test_a_missing_leaf_is_said_and_not_papered_over():
    signed_log(4)
    Leaf._base_manager.filter(leaf_index=1).delete()
    with pytest.raises(tree.Broken, match="leaf 1 is missing"):
        tree.inclusion(AuditRecord.objects.get(leaf__leaf_index=0))


@pytest.mark.django_db(transaction=True)
def test_two_at_once_give_each_record_one_place():
    rows = records(300)
    failed = []

    def run():
        try:
            while sequencer.sequence():
                pass
        except DatabaseError as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while sequencer.sequence():
        pass
    assert failed == []
    assert [index for index, _ in places()] == list(range(300))
    assert {pk for _, pk in places()} == {row.pk for row in rows}


@pytest.mark.django_db(transaction=True)
def test_whoever_is_killed_halfway_leaves_nothing_behind(monkeypatch):
    records(3)
    real = Leaf.objects.bulk_create

    def die(made):
        real(made)
        raise SystemExit

    monkeypatch.setattr(type(Leaf.objects), "bulk_create", lambda _, made: die(made))
    with pytest.raises(SystemExit):
        sequencer.sequence()
    monkeypatch.undo()
    assert (places(), Pending.objects.count()) == ([], 3)
    assert transaction.get_connection().in_atomic_block is False
    assert sequencer.sequence() == {"ten_acme": 3}
