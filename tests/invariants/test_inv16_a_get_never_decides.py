"""Invariant 16: a GET never decides, whoever opens it and whatever its address says."""

import pytest
from django.apps import apps

from approvals.models import Action
from approvals.states import ActionStatus
from audit.models import AuditRecord
from tests.desk import signed_in
from tests.invariants.doors import RESOURCES, api, desk_addresses, rows_of
from tests.people import People, ready

pytestmark = [pytest.mark.django_db, pytest.mark.once]
# What may change by looking: marks of use, sessions, and the log of what was looked at, whose
# records wait for their place in the tree.
MAY_CHANGE = {
    "django_session", "audit_auditrecord", "audit_pending", "audit_refusalcount", "tenants_apikey",
    # When somebody first opened a card: for the figures of reviewers.
    "approvals_opening",
    # In which browser a person was seen last.
    "tenants_signin",
}  # fmt: skip
LOOKED_AT = {
    "audit.records.exported", "webhooks.event.body_read", "audit.record.proof_exported",
    "audit.record.personal_revealed",
}  # fmt: skip


def everything() -> dict[str, list[str]]:
    models = [m for m in apps.get_models() if m._meta.managed and not m._meta.proxy]
    return {
        m._meta.db_table: sorted(map(repr, m._base_manager.values()))
        for m in models
        if m._meta.db_table not in MAY_CHANGE
    }


@pytest.fixture
def people() -> People:
    return ready()


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_no_page_decides_by_being_opened(people: People, method: str) -> None:
    """Nor is a record written but of looking."""
    rows = rows_of(people.environment)
    action = Action.objects.get(environment=people.environment)
    wish = {"digest": action.digest, "reason": "x", "decision": "approve", "confirm": "yes"}
    addresses = desk_addresses(people.environment, rows).values()
    recorded = set(AuditRecord.objects.values_list("pk", flat=True))
    for person in (people.may, people.admin):
        browser = signed_in(person)
        before = everything()
        for address in addresses:
            getattr(browser, method)(address, wish if method == "get" else {})
        assert everything() == before
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    new = AuditRecord.objects.exclude(pk__in=recorded).values_list("action", flat=True)
    assert set(new) <= LOOKED_AT | {"tenants.user.signed_in"}


def test_no_resource_decides_by_being_read(people: People) -> None:
    rows = rows_of(people.environment)
    client = api(people.member(people.admin), people.environment)
    before = everything()
    for resource, part in RESOURCES.items():
        client.get(f"/api/v1/{resource}")
        client.get(f"/api/v1/{resource}/{rows[part]}")
        for command in ("approve", "reject", "cancel", "reconcile", "replay", "release", "revoke"):
            answer = client.get(f"/api/v1/{resource}/{rows[part]}/{command}")
            assert answer.status_code in {404, 405}
    assert everything() == before
