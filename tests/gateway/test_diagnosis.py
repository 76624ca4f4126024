"""`doctor`: what it finds wrong, and what it only notes."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from approvals import digest
from approvals.services import set_kill_switch
from audit import triggers
from audit.models import Leaf
from audit.sequencer import Sequencer
from gateway import diagnosis
from gateway.diagnosis import Grade
from gateway.lib import broker, heartbeat
from tests.audit.superuser import guard, unguard
from tests.factories.audit import AuditRecordFactory
from tests.invariants.scene import scene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_sound_machine(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"
    settings.KEY_DIR = settings.DATA_DIR / "keys"
    settings.DATA_DIR.mkdir(mode=0o700)
    monkeypatch.setattr(broker, "is_reachable", lambda: True)
    monkeypatch.setattr(diagnosis, "_settings_of_sqlite", lambda: iter(()))  # tests sync less
    for kind in ("worker", "scheduler"):
        heartbeat.beat(kind)


def graded(grade: Grade) -> set[str]:
    return {finding.subject for finding in diagnosis.examine() if finding.grade == grade}


def test_a_sound_machine_has_nothing_wrong() -> None:
    out = io.StringIO()
    call_command("doctor", stdout=out)
    assert "WRONG" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == len(list(diagnosis.examine()))


def test_a_data_folder_that_lets_others_in_ends_with_one(settings: Settings) -> None:
    settings.DATA_DIR.chmod(0o755)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 1
    assert "chmod 700" in out.getvalue()


def test_a_key_file_that_others_may_read_is_wrong(settings: Settings) -> None:
    settings.KEY_DIR.mkdir()
    (settings.KEY_DIR / "secret_key").touch(mode=0o644)
    assert "key file secret_key" in graded(Grade.WRONG)


def test_missing_triggers_are_wrong() -> None:
    triggers.remove(connection)
    try:
        assert "audit triggers" in graded(Grade.WRONG)
    finally:
        triggers.install(connection)


def test_a_missing_worker_is_a_note_at_home_and_wrong_in_production(settings: Settings) -> None:
    heartbeat.stop("worker")
    assert "worker" in graded(Grade.NOTE)
    settings.PRODUCTION = True
    assert {"worker", "public url"} <= graded(Grade.WRONG)


def test_the_printed_keys_fit_together() -> None:
    out = io.StringIO()
    call_command("doctor", "--keys", stdout=out)
    keys = dict(line.split("=") for line in out.getvalue().split())
    assert set(diagnosis.KEY_NAMES) < set(keys)
    signature = digest.sign_decision(keys["COUNTERSIGN_APPROVAL_SIGNING_KEY"], {"a": 1})
    verify_key = keys["COUNTERSIGN_APPROVAL_VERIFY_KEY"]
    assert digest.verify_decision(verify_key, {"a": 1}, signature)


def test_what_is_stopped_is_told_with_who_and_why() -> None:
    here = scene()
    by = here.people.principal(here.people.operator)
    reason = "Looked \x1b[2Jwrong.\nMore of it."
    set_kill_switch(here.environment, scope="environment", on=True, reason=reason, by=by)
    (found,) = [one for one in diagnosis.examine() if one.subject.startswith("stopped")]
    where = f"stopped, {here.environment.tenant.slug}/{here.environment.slug}"
    assert (found.grade, found.subject) == (Grade.NOTE, where)
    assert found.text.startswith("the whole environment stopped since 20")
    assert found.text.endswith(f" UTC by {here.people.operator}: Looked \ufffd[2Jwrong.")


def test_a_database_that_was_set_back_is_wrong(published_in: Path) -> None:
    AuditRecordFactory.create_batch(3)
    Sequencer().tick()
    assert "audit log" in graded(Grade.OK)
    unguard()
    Leaf._base_manager.all().delete()
    guard()
    assert "audit log" in graded(Grade.WRONG)
