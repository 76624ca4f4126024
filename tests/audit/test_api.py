"""The audit log by API."""

import json

import pytest
from asgiref.sync import async_to_sync

from audit import services
from audit.actions import AuditAction
from audit.context import Actor, Target, bind
from audit.models import AuditRecord
from tests import people
from tests.callers import key_of
from tests.factories.tenants import EnvironmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


def note(environment, id="tol_1", correlation="journey-1"):
    with bind(actor=Actor("person", "usr_1"), correlation_id=correlation):
        return services.record(
            AuditAction.TOOL_CREATED, target=Target("tool", id), scope=environment.audit_scope
        )


def found(caller, **query):
    return [row["record"]["target"]["id"] for row in caller.get("audit", query).json()["items"]]


def test_records_are_found_by_target_actor_and_correlation(here):
    note(here.environment, "tol_1")
    note(here.environment, "tol_2", "journey-2")
    note(here.elsewhere, "tol_3")
    auditor = key_of(here, here.auditor)
    assert found(auditor, target="tol_1") == ["tol_1"]
    assert found(auditor, actor="usr_1") == ["tol_2", "tol_1"]
    assert found(auditor, correlation="journey-2") == ["tol_2"]
    assert found(auditor, target="tol_3") == []


def test_a_record_comes_with_the_digest_of_its_text(here):
    row = note(here.environment)
    shown = key_of(here, here.auditor).get("audit", {"target": "tol_1"}).json()["items"][0]
    assert shown == {"record": json.loads(row.body), "sha256": row.body_sha256}


def test_records_of_another_environment_of_the_tenant_are_not_seen(here):
    beside = EnvironmentFactory(tenant=here.environment.tenant, slug="beside")
    note(beside, "tol_9")
    assert found(key_of(here, here.auditor), target="tol_9") == []


def test_an_export_holds_every_text_in_order_and_is_recorded(here):
    bodies = [note(here.environment, f"tol_{n}").body for n in range(3)]
    answer = key_of(here, here.auditor).get("audit/export", {"actor": "usr_1"})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert _text(answer).splitlines() == bodies
    assert AuditRecord.objects.filter(action="audit.records.exported").count() == 1


def _text(answer):
    async def read():
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(read)().decode()


def test_a_viewer_neither_reads_nor_exports(here):
    viewer = key_of(here, here.may_not)
    assert viewer.get("audit").status_code == 403
    assert viewer.get("audit/export").status_code == 403
