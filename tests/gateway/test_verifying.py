"""A log is verified because somebody asked: once, with progress, recorded, whoever dies."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from audit import badge, published, sequencer
from audit.context import SYSTEM, Scope
from audit.models import AuditRecord, Verification
from gateway import verifying
from gateway.lib.broker import JobName
from tests import people
from tests.audit.conftest import give_all
from tests.audit.superuser import unguard
from tests.desk import HTMX, at, signed_in, text
from tests.factories.audit import AuditRecordFactory
from tests.jobs import drain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def log(here):
    """The tenant's log: three records and a checkpoint."""
    log = here.environment.tenant.public_id
    AuditRecordFactory.create_batch(3, scope=here.environment.audit_scope)
    give_all()
    published.announce_key(sequencer._public_key())
    sequencer.sign(log, sequencer.tree.size(log))
    return log


def ask(log):
    return verifying.ask(log, by=SYSTEM, scope=Scope(log))


def told(log):
    """What the log says of its verifications: outcome and reason of each, the oldest first."""
    rows = AuditRecord.objects.filter(log=log, action__startswith="audit.verification.")
    return [(row.action.rpartition(".")[2], row.outcome, row.reason) for row in rows.order_by("pk")]


def test_a_click_has_the_log_verified_and_the_badge_says_so(here, log):
    page, there = at(here.environment, "audit:records"), at(here.environment, "audit:verification")
    auditor = signed_in(here.auditor)
    assert "Verify now" in text(auditor.get(page))

    asked = text(auditor.post(there, headers=HTMX))
    assert "Verifying now: 0 of" in asked
    assert f'hx-get="{there}"' in asked
    assert JobName.VERIFY_LOGS in {message.actor_name for message in drain()}

    shown = text(auditor.get(there, headers=HTMX))
    assert "Verified to #" in shown
    assert "Verify now" in shown
    assert told(log) == [("asked", "ok", ""), ("finished", "ok", "")]
    first = AuditRecord.objects.get(log=log, action="audit.verification.asked")
    assert (first.actor_kind, first.actor_id) == ("person", here.auditor.public_id)


def test_without_script_the_list_comes_back_with_a_word(here, log):
    auditor = signed_in(here.auditor)
    there = at(here.environment, "audit:verification")
    for text_ in ("is being verified:", "is being verified already:"):
        assert text_ in text(auditor.post(there, follow=True))
    assert auditor.get(there).url == at(here.environment, "audit:records")


@pytest.mark.parametrize(("who", "status"), [("may", 403), ("operator", 403), ("stranger", 404)])
def test_who_may_not_read_the_log_may_not_have_it_verified(here, log, who, status):
    there = at(here.environment, "audit:verification")
    assert signed_in(getattr(here, who)).post(there).status_code == status
    assert not Verification.objects.exists()


def test_a_second_question_while_one_waits_is_none(log):
    assert [ask(log), ask(log)] == [True, False]
    assert len(told(log)) == 1


def test_a_break_is_found_named_and_recorded(log):
    ask(log)
    unguard()
    row = AuditRecord.objects.filter(log=log).order_by("pk")[1]
    AuditRecord._base_manager.filter(pk=row.pk).update(body=row.body.replace("ten_", "tem_"))
    verifying.carry_out_due()
    assert badge.badge_of(log).title.startswith("Break at #")
    assert told(log)[-1] == ("finished", "failed", "broken")


def test_a_worker_that_dies_is_followed_by_another_which_gives_up_after_three(log):
    ask(log)
    for attempts in (1, 2, 3):
        Verification.objects.update(
            attempts=attempts, due_at=Now(), lease_until=Now() - timedelta(seconds=1)
        )
        assert verifying.sweep() == 1
    verifying.carry_out_due()
    said = badge.badge_of(log)
    assert not said.is_asked
    assert "its worker ended three times" in said.progress
    assert told(log)[-1] == ("finished", "failed", "not_finished")
    assert ask(log)


def test_without_a_public_key_nothing_can_be_said_and_the_badge_says_why(log, published_in):
    key = (published_in / published.KEYS).read_text().strip()
    (published_in / published.KEYS).unlink()
    ask(log)
    verifying.carry_out_due()
    assert "no public key" in badge.badge_of(log).progress
    assert Verification.objects.get().verified_at is None

    call_command("audit_verify", "--public-key", key, stdout=StringIO())
    assert badge.badge_of(log).progress == ""


def test_progress_is_told_and_whoever_lost_the_row_stops(log, monkeypatch):
    monkeypatch.setattr(verifying, "SAY_EVERY_S", 0.0)
    ask(log)
    row = verifying.work.claim(Verification.objects.all(), log, lease_s=60)
    say = verifying._progress(row)
    say(log, 2)
    assert "2 of" in badge.badge_of(log).progress
    Verification.objects.update(attempts=9)
    with pytest.raises(verifying.Lost):
        say(log, 3)
    assert not verifying._carry_out(row)
    assert told(log) == [("asked", "ok", "")]
