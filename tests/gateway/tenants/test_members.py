"""Roles, membership and the last admin."""

import json

import pytest

from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.tenants import principals, services
from gateway.tenants.models import Environment, Member, Tenant
from gateway.tenants.roles import Role
from tests import people
from tests.factories.agents import AgentFactory
from tests.factories.tenants import EnvironmentFactory, GroupFactory, MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


def actions_of(target):
    return list(
        AuditRecord.objects.filter(target_id=target.public_id).values_list("action", flat=1)
    )


def test_a_tenant_begins_with_sandbox_and_production():
    tenant = services.create_tenant("Halden", "halden")

    kinds = dict(tenant.environments.values_list("slug", "kind"))
    assert kinds == {"sandbox": "sandbox", "production": "production"}
    assert actions_of(tenant) == ["tenants.tenant.created"]


@pytest.mark.parametrize("slug", ["api", "webhooks", "Caps", "-x", "x y", "", "x" * 41])
def test_a_tenant_cannot_take_a_name_that_the_service_answers_to(slug):
    with pytest.raises(Refused):
        services.create_tenant("Name", slug)
    assert not Tenant.objects.exists()


def test_an_admin_changes_roles_and_the_record_names_no_person(here):
    member = here.member(here.may_not)

    services.set_roles(
        member, here.environment, roles=[Role.OPERATOR], by=here.principal(here.admin)
    )

    assert member.roles.get().role == Role.OPERATOR
    record = AuditRecord.objects.get(target_id=member.public_id)
    assert record.body_json["changes"] == {"roles": [["viewer"], ["operator"]]}
    assert here.may_not.email not in record.body
    assert here.may_not.name not in record.body


@pytest.mark.parametrize("who", ["may", "may_not", "operator", "auditor"])
def test_who_is_no_admin_changes_no_roles(here, who):
    member = here.member(here.may_not)

    with pytest.raises(Denied):
        services.set_roles(
            member, here.environment, roles=[Role.ADMIN], by=here.principal(getattr(here, who))
        )

    assert member.roles.get().role == Role.VIEWER
    assert AuditRecord.objects.get(target_id=member.public_id).outcome == "refused"


def test_an_admin_of_the_sandbox_makes_nobody_admin_of_production(here):
    production = EnvironmentFactory(
        tenant=here.environment.tenant, slug="live", kind=Environment.Kind.PRODUCTION
    )
    by = here.principal(here.admin)
    roles = {here.environment.slug: [Role.ADMIN], production.slug: [Role.ADMIN]}

    with pytest.raises(Denied):
        services.change_member(member=here.member(here.admin), roles=roles, by=by)
    with pytest.raises(Denied):
        services.create_group(environment=here.environment, slug="finance", name="Finance", by=by)
    with pytest.raises(Denied):
        services.deactivate_member(here.member(here.may), by=by)


def test_the_last_admin_stays(here):
    by, admin = here.principal(here.admin), here.member(here.admin)

    with pytest.raises(Refused, match="Nobody would be left"):
        services.set_roles(admin, here.environment, roles=[Role.VIEWER], by=by)
    with pytest.raises(Refused, match="Nobody would be left"):
        services.deactivate_member(admin, by=by)

    admin.refresh_from_db()
    assert admin.is_active
    assert admin.roles.get().role == Role.ADMIN


def test_one_of_two_admins_may_leave_and_then_may_nothing(here):
    people.person(here.environment, Role.ADMIN)

    services.deactivate_member(here.member(here.admin), by=here.principal(here.admin))

    assert not here.admin.has_perm("approvals.view_action", here.environment)
    with pytest.raises(StaleState):
        services.deactivate_member(here.member(here.admin), by=principals.system(here.environment))


def test_a_deactivated_admin_does_not_count_as_the_one_who_is_left(here):
    other = people.person(here.environment, Role.ADMIN)
    services.deactivate_member(here.member(other), by=here.principal(here.admin))

    with pytest.raises(Refused):
        services.deactivate_member(here.member(here.admin), by=here.principal(here.admin))


def test_who_comes_back_has_the_new_roles_only(here):
    member, by = here.member(here.may), here.principal(here.admin)
    services.deactivate_member(member, by=by)

    services.add_member(
        here.environment.tenant, here.may, roles={here.environment.slug: ["viewer"]}, by=by
    )

    assert list(member.roles.values_list("role", flat=True)) == ["viewer"]
    assert here.may.has_perm("approvals.view_action", here.environment)
    assert not here.may.has_perm("approvals.decide_action", here.environment)


def test_nobody_joins_twice(here):
    with pytest.raises(Refused, match="member already"):
        services.add_member(
            here.environment.tenant, here.may, roles={}, by=here.principal(here.admin)
        )


@pytest.mark.parametrize("roles", [{"nowhere": ["viewer"]}, {"sandbox": ["king"]}])
def test_an_unknown_environment_or_role_leaves_nothing_behind(here, roles):
    newcomer = UserFactory()

    with pytest.raises(Refused, match="There is no"):
        services.add_member(
            here.environment.tenant, newcomer, roles=roles, by=here.principal(here.admin)
        )

    assert not Member.objects.filter(user=newcomer).exists()


def test_groups_hold_members_of_their_own_tenant_only(here):
    by = here.principal(here.admin)
    group = services.create_group(
        environment=here.environment, slug="finance", name="Finance", by=by
    )

    services.set_group_members(group, members=[here.member(here.may)], by=by)
    with pytest.raises(Refused):
        services.set_group_members(group, members=[MemberFactory()], by=by)

    assert list(group.members.all()) == [here.member(here.may)]
    assert actions_of(group).count("tenants.group.changed") == 2


def test_groups_of_a_member_change_with_the_roles(here):
    group = GroupFactory(tenant=here.environment.tenant)
    member = here.member(here.may)

    services.change_member(
        member=member, roles={}, groups=[group.slug], by=here.principal(here.admin)
    )
    assert member.group_slugs() == {group.slug}

    foreign = GroupFactory()
    with pytest.raises(Refused, match="no group"):
        services.change_member(
            member=member, roles={}, groups=[foreign.slug], by=here.principal(here.admin)
        )


def test_a_record_that_cannot_be_written_undoes_the_change(here, monkeypatch):
    def broken(*args, **fields):
        raise OSError("no space left")

    monkeypatch.setattr("audit.services.record", broken)
    member = here.member(here.may_not)

    with pytest.raises(OSError, match="no space"):
        services.set_roles(
            member, here.environment, roles=["operator"], by=here.principal(here.admin)
        )

    assert member.roles.get().role == Role.VIEWER


def test_a_machine_changes_nobody(here):
    from gateway.agents.services import principal_of_agent

    agent = AgentFactory(environment=here.environment, owner=here.member(here.admin))

    with pytest.raises(Denied):
        services.set_roles(
            here.member(here.may), here.environment, roles=["admin"], by=principal_of_agent(agent)
        )


def test_records_hold_no_personal_data(here):
    by = here.principal(here.admin)
    invitation, token = services.invite(
        environment=here.environment, email="lee@example.com", roles={"sandbox": ["viewer"]}, by=by
    )
    services.accept_invitation(invitation=invitation, name="Lee Fox", password=people_password())

    text = json.dumps(list(AuditRecord.objects.values_list("body", flat=True)))
    assert "lee@example.com" not in text
    assert "Lee Fox" not in text
    assert token not in text


def people_password():
    return "a-long-quiet-river-7"
