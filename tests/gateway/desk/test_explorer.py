"""The audit explorer finds, shows, proves and exports records, and nothing of another place."""

import csv
import io
import json
import zipfile

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from audit import published, sequencer
from audit.actions import AuditAction
from audit.context import Target
from audit.models import AuditRecord
from gateway.desk.records import within
from gateway.tenants.services import subjects
from tests.audit.conftest import give_all
from tests.client.verifier import load
from tests.desk import HTMX, at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.audit import AuditRecordFactory
from tests.factories.tenants import EnvironmentFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
offline = load()


@pytest.fixture
def reader(here):
    """The auditor's browser."""
    return signed_in(here.auditor)


def record_of(environment, **fields):
    return AuditRecordFactory(scope=environment.audit_scope, **fields)


def sealed(environment):
    """Every record gets its place, and the log a checkpoint."""
    give_all()
    published.announce_key(sequencer._public_key())
    log = environment.tenant.public_id
    sequencer.sign(log, AuditRecord.objects.filter(log=log).count())


def shown(answer):
    return {line.row.pk for line in answer.context["rows"]}


def unpacked(answer, folder):
    data = b"".join(answer.streaming_content) if answer.streaming else answer.content
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    (found,) = folder.iterdir()
    return found


def test_records_of_the_place_and_of_the_tenant_and_no_others(here, reader):
    mine, wide = record_of(here.environment), record_of(here.environment.tenant)
    record_of(here.elsewhere)
    record_of(EnvironmentFactory(tenant=here.environment.tenant))

    assert shown(reader.get(at(here.environment, "audit:records"))) == {mine.pk, wide.pk}


@pytest.mark.parametrize("who", ["may", "may_not", "operator"])
@pytest.mark.parametrize("page", ["audit:records", "audit:bundle"])
def test_who_may_not_read_the_log_is_told_so(here, who, page):
    answer = signed_in(getattr(here, who)).get(at(here.environment, page))
    assert answer.status_code == 403


def test_a_record_of_another_place_looks_like_none(here, reader):
    theirs = record_of(here.elsewhere)
    for page in ("audit:record", "audit:proof"):
        assert reader.get(at(here.environment, page, record=theirs.pk)).status_code == 404
    assert signed_in(here.stranger).get(at(here.environment, "audit:records")).status_code == 404


def test_filters_stand_in_the_address_and_narrow_together(here, reader):
    action = ActionFactory(environment=here.environment)
    wanted = record_of(here.environment, correlation_id="cor_wanted")
    other = record_of(here.environment, action=AuditAction.TOOL_CREATED, outcome="refused")
    list_, day = at(here.environment, "audit:records"), wanted.occurred_at.date().isoformat()

    assert shown(reader.get(list_, {"correlation": "cor_wanted"})) == {wanted.pk}
    assert shown(reader.get(list_, {"q": other.target_id})) == {other.pk}
    assert shown(reader.get(list_, {"area": "tools.tool", "outcome": "refused"})) == {other.pk}
    assert shown(reader.get(list_, {"area": "approvals.action", "day": day})) == {wanted.pk}
    assert shown(reader.get(list_, {"day": "2020-01-01"})) == set()
    assert shown(reader.get(list_, {"outcome": "nonsense"})) == set()
    assert shown(reader.get(list_, {"target": action.public_id})) == set()
    assert "<html" not in text(reader.get(list_, headers=HTMX))


def test_one_record_shows_who_what_before_and_after_and_the_way_on(here, reader):
    action = ActionFactory(environment=here.environment)
    row = record_of(
        here.environment, actor=here.may.audit_actor, changes={"status": ["pending", "approved"]},
        target=Target("action", action.public_id),
    )  # fmt: skip
    page = text(reader.get(at(here.environment, "audit:record", record=row.pk)))

    assert str(here.may) in page
    assert "<del>pending</del>" in page
    assert "<ins>approved</ins>" in page
    assert at(here.environment, "approvals:detail", action=action.public_id) in page
    assert f"correlation={row.correlation_id}" in page


def test_a_name_from_outside_is_shown_inert(here, reader):
    row = record_of(here.environment, reason="<b>\u202eevil")
    page = text(reader.get(at(here.environment, "audit:record", record=row.pk)))

    assert "<b>" not in page.replace("<b class", "")
    assert "\u202e" not in page


def test_a_personal_value_is_shown_on_request_and_that_is_recorded(here, reader):
    anna = subjects.sealer(here.environment.tenant, "anna@example.com", email="anna@example.com")
    row = record_of(here.environment, sealed=anna)
    url = at(here.environment, "audit:record", record=row.pk)

    assert "anna@example.com" not in text(reader.get(url))
    assert "anna@example.com" in text(reader.get(url, {"personal": "1"}))
    read = AuditRecord.objects.get(action=AuditAction.PERSONAL_REVEALED)
    assert (read.target_id, read.actor_id) == (str(row.pk), here.auditor.public_id)
    subjects.erase(here.environment.tenant, ["anna@example.com"])
    after = text(reader.get(url, {"personal": "1"}))
    assert "anna@example.com" not in after
    assert "erased" in after


def test_the_proof_of_one_record_is_checked_by_the_offline_verifier(here, reader, tmp_path):
    rows = [record_of(here.environment) for _ in range(5)]
    sealed(here.environment)
    answer = reader.get(at(here.environment, "audit:proof", record=rows[2].pk))
    folder = unpacked(answer, tmp_path / "proof")

    report = offline.verify(folder, keys=published.public_keys(), kept=[])
    assert (report.found, report.records, report.leaves) == (0, 1, 3)
    assert rows[2].body in (folder / "records.jsonl").read_text()
    assert rows[3].body not in (folder / "records.jsonl").read_text()
    (folder / "records.jsonl").write_text(
        (folder / "records.jsonl").read_text().replace('"ok"', '"no"')
    )
    assert offline.verify(folder, keys=published.public_keys(), kept=[]).found
    assert AuditRecord.objects.filter(action=AuditAction.PROOF_EXPORTED).count() == 1


def test_the_admin_gives_the_same_proof_to_its_auditor_alone(here, reader, tmp_path):
    mine, theirs = record_of(here.environment), record_of(here.elsewhere)
    sealed(here.environment)

    answer = reader.get(f"/admin/audit/auditrecord/{mine.pk}/proof/")
    folder = unpacked(answer, tmp_path / "proof")
    assert offline.verify(folder, keys=published.public_keys(), kept=[]).found == 0
    assert reader.get(f"/admin/audit/auditrecord/{theirs.pk}/proof/").status_code == 404


def test_a_record_without_a_checkpoint_has_no_proof_yet(here, reader):
    row = record_of(here.environment)
    url = at(here.environment, "audit:proof", record=row.pk)

    assert "no place in the tree yet" in text(reader.get(url, follow=True))


def test_a_signed_bundle_holds_back_what_the_reader_may_not_see(here, reader, tmp_path):
    mine = record_of(here.environment)
    beside = record_of(EnvironmentFactory(tenant=here.environment.tenant))
    sealed(here.environment)
    answer = reader.get(at(here.environment, "audit:bundle"))
    folder = unpacked(answer, tmp_path / "bundle")

    lines = (folder / "records.jsonl").read_text()
    assert mine.body in lines
    assert beside.body not in lines
    report = offline.verify(folder, keys=published.public_keys(), kept=[])
    assert (report.found, report.leaves, report.records) == (0, 2, 1)


def test_a_list_leaves_as_csv_and_as_json_lines_and_that_is_recorded(here, reader):
    rows = [record_of(here.environment) for _ in range(3)]
    list_ = at(here.environment, "audit:records")
    table = list(csv.reader(io.StringIO(text(reader.get(list_, {"format": "csv"})))))
    lines = reader.get(list_, {"format": "jsonl", "area": "approvals.action"})
    told = [json.loads(line) for line in _streamed(lines).splitlines()]

    assert len(table) == 1 + 3
    assert [line["id"] for line in told] == [str(row.pk) for row in rows]
    exported = AuditRecord.objects.filter(action=AuditAction.RECORDS_EXPORTED)
    assert exported.count() == 2


def _streamed(answer):
    async def read():
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(read)().decode()


def test_an_auditor_begins_at_the_log(here, reader):
    answer = reader.get("/")
    assert answer.url == at(here.environment, "audit:records")


def test_the_badge_stands_on_both_pages(here, reader):
    row = record_of(here.environment)
    for url in (
        at(here.environment, "audit:records"),
        at(here.environment, "audit:record", record=row.pk),
        "/admin/audit/auditrecord/",
    ):
        assert "Not verified yet" in text(reader.get(url))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole")
def test_the_newest_records_are_found_without_sorting_all_of_the_tenants(here):
    plan = within(here.environment).order_by("-id")[:50].explain()
    assert "audit_tenant_newest" in plan
    assert "TEMP B-TREE" not in plan


def test_the_weaker_promise_of_this_database_stands_on_both_pages(here, reader, monkeypatch):
    """SQLite, and PostgreSQL as the tests use it: with one role for everything."""
    pages = (at(here.environment, "audit:records"), "/admin/audit/auditrecord/")
    for url in pages:
        assert "is detected, not prevented" in text(reader.get(url)).replace("\n", " ")
    monkeypatch.setattr("audit.badge.connection", Apart())
    monkeypatch.setattr("audit.roles.is_too_strong", lambda connection: False)
    for url in pages:
        assert "not prevented" not in text(reader.get(url))


class Apart:
    """A database whose roles are apart."""

    vendor = "postgresql"
