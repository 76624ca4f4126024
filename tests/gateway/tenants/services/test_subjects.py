"""What the log says of a person is readable while their key exists, and proven afterwards."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from audit import merkle, sequencer, services, verification
from audit.actions import AuditAction
from audit.context import Target
from audit.models import AuditRecord, Leaf
from gateway.lib.sealing import CannotUnseal
from gateway.tenants.models import SubjectKey
from gateway.tenants.services import invite, subjects
from tests import people
from tests.factories.tenants import SubjectKeyFactory, TenantFactory

pytestmark = pytest.mark.django_db
SECRET = "anna.berger@example.com"


def said_of(tenant, subject, **values):
    return services.record(
        AuditAction.MEMBER_ADDED, target=Target("member", "mem_1"), scope=tenant.audit_scope,
        sealed=subjects.sealer(tenant, subject, **values),
    )  # fmt: skip


def shown(record):
    return {said.field: said.value for said in subjects.reveal(record)}


def test_a_personal_value_is_in_no_column_and_opens_in_one_place():
    tenant = TenantFactory()
    row = said_of(tenant, "usr_1", email=SECRET, name="Anna")

    stored = AuditRecord.objects.get(pk=row.pk)
    assert SECRET not in json.dumps([stored.body, stored.body_json, stored.reason])
    assert shown(stored) == {"email": SECRET, "name": "Anna"}


def test_one_person_has_one_key_in_a_tenant_and_another_in_the_next():
    here, there = TenantFactory(), TenantFactory()
    for tenant in (here, here, there):
        said_of(tenant, "usr_1", email=SECRET)
    said_of(here, " USR_1 ", email=SECRET)

    assert SubjectKey.objects.filter(tenant=here).count() == 1
    assert SubjectKey.objects.filter(tenant=there).count() == 1
    assert len(set(SubjectKey.objects.values_list("mark", flat=True))) == 2


def test_erasing_deletes_the_key_and_leaves_every_proof():
    tenant = TenantFactory()
    gone, kept = (
        said_of(tenant, "usr_1", email=SECRET),
        said_of(tenant, "usr_2", email="b@b.example"),
    )
    sequencer.sequence()
    leaf = Leaf.objects.get(record=gone)

    assert len(subjects.erase(tenant, ["usr_1"])) == 1

    (said,) = subjects.reveal(gone)
    assert said.value is None
    assert said.erased_at is not None
    assert shown(kept) == {"email": "b@b.example"}
    assert merkle.leaf_hash(gone.body.encode()).hex() == leaf.leaf_hash
    assert not any(report.found for report in verification.verify(public_keys=["00" * 32]))


def test_a_person_who_comes_back_gets_another_key():
    tenant = TenantFactory()
    before = said_of(tenant, "usr_1", email=SECRET)
    subjects.erase(tenant, ["usr_1"])
    after = said_of(tenant, "usr_1", email=SECRET)

    assert shown(before) == {"email": None}
    assert shown(after) == {"email": SECRET}


def test_a_sealed_text_does_not_open_in_another_record():
    tenant = TenantFactory()
    one, other = (
        said_of(tenant, "usr_1", email=SECRET),
        said_of(tenant, "usr_1", email="x@x.example"),
    )
    one.body = json.dumps({"sealed": json.loads(other.body)["sealed"]})

    with pytest.raises(CannotUnseal, match="changed or belongs elsewhere"):
        subjects.reveal(one)


def test_a_record_from_before_sealing_reveals_nothing_and_breaks_nothing():
    row = services.record(
        AuditAction.MEMBER_ADDED,
        target=Target("member", "mem_1"),
        scope=TenantFactory().audit_scope,
    )

    assert subjects.reveal(row) == []


def test_an_invitation_says_to_whom_it_went_for_as_long_as_that_may_be_known():
    here = people.ready()
    invite(
        environment=here.environment, email=SECRET, by=here.principal(here.admin),
        roles={here.environment.slug: ["viewer"]},
    )  # fmt: skip
    row = AuditRecord.objects.get(action=AuditAction.INVITATION_CREATED)

    assert SECRET not in row.body
    assert shown(row) == {"email": SECRET}


def test_a_key_is_sealed_itself_and_a_tombstone_holds_none():
    row = SubjectKeyFactory(subject="usr_9")
    (found,) = subjects.keys_of(row.tenant, ["usr_9"])

    assert found == row
    subjects.erase(row.tenant, ["usr_9"])
    row.refresh_from_db()
    assert (row.mark, row.sealed) == (None, "")


@pytest.mark.django_db(transaction=True)
def test_two_records_of_a_new_person_at_the_same_moment_share_a_key():
    tenant = TenantFactory()
    start = Barrier(4)

    def say(_):
        start.wait()
        try:
            said_of(tenant, "usr_1", email=SECRET)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(4)))

    assert SubjectKey.objects.count() == 1
    assert AuditRecord.objects.count() == 4
