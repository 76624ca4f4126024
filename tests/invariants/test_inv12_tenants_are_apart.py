"""Invariant 12: nothing of another tenant or environment is seen, guessed, counted or changed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from gateway.lib.rows import EnvironmentRow
from gateway.tenants.models import Environment, Member
from gateway.tenants.roles import Role
from tests.desk import signed_in, text
from tests.factories.tenants import EnvironmentFactory, MemberFactory, MemberRoleFactory
from tests.invariants.doors import RESOURCES, ROWS, api, desk_addresses, named_rows, rows_of

pytestmark = pytest.mark.django_db
DIGEST = {"digest": "0" * 64}
COMMANDS: dict[str, dict[str, dict[str, Any]]] = {
    "actions": {
        "approve": DIGEST,
        "reject": {**DIGEST, "reason": "x"},
        "edit": {**DIGEST, "arguments": {}},
        "undo": {},
        "extend": {"decide_by": "2030-01-01T00:00:00Z"},
        "cancel": {},
        "reconcile": {"outcome": "failed", "evidence": "x"},
        "look-up": {},
        "compensate": {},
        "run-again": {"reason": "x"},
        "confirm-run-again": {"order": "x"},
        "comments": {"text": "x"},
        "take": {},
        "let-go": {},
        "assign": {"to": ""},
        "snooze": {},
        "wake": {},
    },
    "policies": {
        "restore": {"version": 1, "comment": "x"},
        "rollout": {"stage": "shadow"},
        "promote": {},
        "withdraw": {},
    },
    "delegations": {"revoke": {}},
    "runs": {"cancel": {}, "retry": {}},
    "events": {"replay": {}, "release": {}},
    "sources": {"rotate": {}, "secrets": {"value": "k" * 32}},
    "api-keys": {"revoke": {}},
    "budgets": {"archive": {}},
    "connections": {"rotate": {"value": "x"}, "check": {}, "disconnect": {}},
}
# People, groups and its log belong to the tenant: in its other environments they are the same.
OF_THE_TENANT = {"member", "group", "invitation", "outlet"}


@pytest.fixture(params=["another tenant", "another environment"])
def apart(request: pytest.FixtureRequest) -> tuple[Member, Environment, Environment]:
    """An admin of one environment, and a second one that is none of the admin's business."""
    ours = EnvironmentFactory()
    tenant = {"tenant": ours.tenant} if request.param == "another environment" else {}
    admin = MemberFactory(tenant=ours.tenant, roles={ours: [Role.ADMIN]})
    return admin, ours, EnvironmentFactory(**tenant)


def snapshot() -> dict[str, list[str]]:
    return {
        model._meta.db_table: sorted(map(repr, model._base_manager.values())) for model in _scoped()
    }


def _scoped() -> Iterator[type[Model]]:
    yield from (m for m in apps.get_models() if issubclass(m, EnvironmentRow))


def _is_foreign(part: str, ours: Environment, theirs: Environment) -> bool:
    return ours.tenant_id != theirs.tenant_id or part not in OF_THE_TENANT


def test_every_scoped_queryset_ends_at_the_environment(
    apart: tuple[Member, Environment, Environment],
) -> None:
    _, ours, theirs = apart
    rows_of(theirs)
    for model in _scoped():
        assert not model.objects.within(ours).exists(), model  # type: ignore[attr-defined]


def test_the_desk_does_not_know_a_foreign_row_under_its_own_address(
    apart: tuple[Member, Environment, Environment],
) -> None:
    admin, ours, theirs = apart
    foreign = {
        part: row for part, row in rows_of(theirs).items() if _is_foreign(part, ours, theirs)
    }
    rows = rows_of(ours) | foreign
    browser, before = signed_in(admin.user), snapshot()
    asked = 0
    for name, address in desk_addresses(ours, rows).items():
        if not named_rows(name, address, {part: foreign.get(part, "-") for part in ROWS}):
            continue
        asked += 1
        assert browser.get(address).status_code in {404, 405}, address
        data = {"digest": "0" * 64, "reason": "x", "comment": "x"}
        assert browser.post(address, data).status_code in {404, 405}, address
    assert asked > 10
    assert snapshot() == before


def test_a_foreign_environment_is_not_there(
    apart: tuple[Member, Environment, Environment],
) -> None:
    admin, _, theirs = apart
    browser = signed_in(admin.user)
    for address in desk_addresses(theirs, rows_of(theirs)).values():
        assert browser.get(address).status_code == 404, address
        assert browser.post(address).status_code in {403, 404}, address


def test_the_api_neither_lists_nor_finds_nor_changes_foreign_rows(
    apart: tuple[Member, Environment, Environment],
) -> None:
    admin, ours, theirs = apart
    foreign, client, before = rows_of(theirs), api(admin, ours), snapshot()
    for resource, part in RESOURCES.items():
        if not _is_foreign(part, ours, theirs):
            continue
        row = foreign[part]
        assert row not in text(client.get(f"/api/v1/{resource}")), resource
        assert client.get(f"/api/v1/{resource}/{row}").status_code == 404, resource
        for command, body in COMMANDS.get(resource, {}).items():
            answer = client.post(
                f"/api/v1/{resource}/{row}/{command}",
                json.dumps(body),
                content_type="application/json",
            )
            assert answer.status_code == 404, (resource, command)
    after = snapshot()
    # The key that asks notes its own use.
    for table in before:
        assert before[table] == after[table] or table == "tenants_apikey"


def test_a_role_in_one_environment_is_none_in_the_next() -> None:
    ours = EnvironmentFactory()
    other = EnvironmentFactory(tenant=ours.tenant)
    member = MemberFactory(tenant=ours.tenant, roles={ours: [Role.ADMIN]})
    MemberRoleFactory(member=member, environment=other, role=Role.AUDITOR)
    rows = rows_of(other)
    address = f"/{other.tenant.slug}/{other.slug}/actions/{rows['action']}/"
    assert signed_in(member.user).get(address).status_code == 403
