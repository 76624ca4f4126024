"""Whether the database continues what was published outside of it."""

from pathlib import Path

import pytest

from audit import continuity, published
from audit.context import Scope
from audit.models import AuditRecord, Checkpoint, Leaf
from audit.sequencer import Sequencer
from tests.audit.superuser import guard, unguard
from tests.factories.audit import AuditRecordFactory

pytestmark = pytest.mark.django_db


def signed(log: str | None, count: int) -> list[AuditRecord]:
    """So many records of a log, in their places, and heads of all logs that are published."""
    rows = AuditRecordFactory.create_batch(count, scope=Scope(log))
    Sequencer().tick()
    return rows


def set_back_to(log: str, leaves: int) -> None:
    """As a backup has it, which was made when the log had so many leaves."""
    unguard()
    Checkpoint._base_manager.filter(log=log, size__gt=leaves).delete()
    later = Leaf._base_manager.filter(log=log, leaf_index__gte=leaves)
    records = list(later.values_list("record_id", flat=True))
    later.delete()
    AuditRecord._base_manager.filter(pk__in=records).delete()
    guard()


def test_database_that_goes_on_from_what_was_published_is_not_set_back(published_in: Path) -> None:
    assert continuity.set_back() is None, "nothing was published"
    signed("ten_acme", 3)
    assert continuity.set_back() is None
    AuditRecordFactory.create_batch(2, scope=Scope("ten_acme"))
    assert continuity.set_back() is None, "what has no place yet is not missed"


def test_older_database_is_told_with_both_sizes(published_in: Path) -> None:
    signed("ten_acme", 5)
    set_back_to("ten_acme", 3)
    found = continuity.set_back()
    assert found is not None
    assert found.log == "ten_acme"
    assert "5 leaves was published, the log has 3" in found.found


def test_database_that_grew_differently_since_is_told_as_well(published_in: Path) -> None:
    signed("ten_acme", 5)
    set_back_to("ten_acme", 3)
    before = continuity.set_back()
    AuditRecordFactory.create_batch(9, scope=Scope("ten_acme"))
    Sequencer().tick()
    after = continuity.set_back()
    assert before is not None
    assert after is not None
    assert "not those that were published" in after.found
    assert after.mark == before.mark, "it is the same old head that is not continued"


def test_log_of_the_deployment_is_named_before_those_of_tenants(published_in: Path) -> None:
    signed("ten_acme", 5)
    signed(None, 4)
    for log in ("ten_acme", "system"):
        set_back_to(log, 1)
    found = continuity.set_back()
    assert found is not None
    assert found.log == "system"


def test_head_that_cannot_be_read_is_no_reason_to_trust_the_database(published_in: Path) -> None:
    signed("ten_acme", 5)
    (published.folder() / "ten_acme" / published.NEWEST).write_text("???")
    found = continuity.set_back()
    assert found is not None
    assert found.mark == "ten_acme unreadable"
