"""The badge says what the last verification found, and how old that is."""

from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import QuerySet
from django.utils import timezone

from audit import badge, published, sequencer
from audit.context import Scope
from audit.models import AuditRecord, Verification
from tests.audit.conftest import give_all
from tests.audit.superuser import guard, unguard
from tests.factories.audit import AuditRecordFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
LOG = "ten_acme"


@pytest.fixture
def rows():
    """Three records with their places and a checkpoint."""
    made = AuditRecordFactory.create_batch(3, scope=Scope(LOG))
    give_all()
    published.announce_key(sequencer._public_key())
    sequencer.sign(LOG, 3)
    return made


def verified():
    with suppress(SystemExit):
        call_command("audit_verify", stdout=StringIO())
    return badge.badge_of(LOG)


def test_nobody_has_looked_yet(rows):
    said = badge.badge_of(LOG)
    assert (said.tone, said.title) == ("warn", "Not verified yet")


def test_a_sound_log_is_verified_to_its_last_record(rows):
    said = verified()
    assert (said.tone, said.title) == ("ok", "Verified to #3")


def test_newer_records_are_counted_and_an_old_look_is_not_green(rows):
    verified()
    AuditRecordFactory(scope=Scope(LOG))
    give_all()
    assert badge.badge_of(LOG).text == "0 breaks. 1 record is newer."

    Verification.objects.update(verified_at=timezone.now() - timedelta(days=2))
    said = badge.badge_of(LOG)
    assert (said.tone, said.title) == ("warn", "Verified to #3, and not since")


def test_a_break_is_named_by_its_place_until_it_is_mended(rows):
    unguard()
    # The model's own manager refuses.
    mine = QuerySet(AuditRecord).filter(pk=rows[1].pk)
    mine.update(body=rows[1].body.replace('"ok"', '"no"'))
    guard()
    said = verified()
    assert (said.tone, said.title, said.leaf_index) == ("bad", "Break at #2", 1)

    unguard()
    mine.update(body=rows[1].body)
    guard()
    assert verified().tone == "ok"
