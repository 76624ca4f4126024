"""No change without its record, no record without its change."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from audit import context, services
from audit.actions import AuditAction
from audit.context import Actor, Scope, Target
from audit.models import AuditRecord, RefusalCount
from gateway.tenants.models import Tenant
from gateway.tenants.services import create_tenant

pytestmark = pytest.mark.django_db
SCOPE = Scope("ten_1", "env_1")
TARGET = Target("action", "act_1", 2)


def record(**fields):
    return services.record(AuditAction.ACTION_APPROVED, target=TARGET, scope=SCOPE, **fields)


def test_a_record_goes_with_the_transaction_that_made_it():
    def change():
        with transaction.atomic():
            record()
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change()

    assert not AuditRecord.objects.exists()


def test_a_change_goes_with_the_record_that_cannot_be_written(monkeypatch):
    def full(*args, **fields):
        raise OSError("no space left on device")

    monkeypatch.setattr(AuditRecord, "save", full)

    with pytest.raises(OSError, match="no space"):
        create_tenant("Halden", "halden")

    assert not Tenant.objects.exists()


def test_the_text_is_canonical_and_its_digest_belongs_to_it():
    row = record(changes={"b": [1, 2], "a": [None, "é"]}, meta={"big": 2**60})

    assert hashlib.sha256(row.body.encode()).hexdigest() == row.body_sha256
    assert row.body.index('"a":[null,"é"]') < row.body.index('"b":[1,2]')
    body = json.loads(row.body)
    assert body == AuditRecord.objects.get().body_json
    assert body["meta"] == {"big": str(2**60)}
    assert (body["target"], body["log"]) == (
        {"kind": "action", "id": "act_1", "version": 2},
        "ten_1",
    )


def test_a_record_carries_who_is_bound_and_the_journey():
    with context.bind(actor=Actor("person", "usr_1"), correlation_id="cor_7"):
        row = record()

    assert (row.actor_kind, row.actor_id, row.correlation_id) == ("person", "usr_1", "cor_7")


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="not a valid"):
        services.record("approvals.action.admired", target=TARGET, scope=SCOPE)


def test_equal_refusals_within_a_minute_are_counted_not_repeated():
    for _ in range(5):
        services.record_refusal(
            AuditAction.ACTION_REFUSED, target=TARGET, scope=SCOPE, reason="not_permitted"
        )
    services.record_refusal(
        AuditAction.ACTION_REFUSED, target=TARGET, scope=SCOPE, reason="own_action"
    )

    # A new minute may begin in between; then there is one record more.
    assert 2 <= AuditRecord.objects.filter(outcome="refused").count() <= 3
    assert sum(RefusalCount.objects.values_list("count", flat=True)) == 6


@pytest.mark.django_db(transaction=True)
def test_equal_refusals_at_the_same_moment_are_all_counted():
    start = Barrier(6)

    def refuse(_):
        start.wait()
        try:
            with transaction.atomic():
                services.record_refusal(
                    AuditAction.ACTION_REFUSED, target=TARGET, scope=SCOPE, reason="own_action"
                )
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(refuse, range(6)))

    assert 1 <= AuditRecord.objects.filter(outcome="refused").count() <= 2
    assert sum(RefusalCount.objects.values_list("count", flat=True)) == 6
