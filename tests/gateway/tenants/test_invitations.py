"""Joining by a link that is shown once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.tenants import services
from gateway.tenants.models import Invitation, User
from tests import people
from tests.factories.tenants import PASSWORD, GroupFactory, UserFactory

pytestmark = pytest.mark.django_db
GOOD = "a-long-quiet-river-7"


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def invited(here):
    return _invite(here)


def _invite(here, **fields):
    values = {"email": "Lee@Example.com", "roles": {"sandbox": ["reviewer"]}}
    return services.invite(
        environment=here.environment, by=here.principal(here.admin), **{**values, **fields}
    )


def test_a_newcomer_joins_with_roles_and_groups(here):
    group = GroupFactory(tenant=here.environment.tenant)
    invitation, token = _invite(here, groups=[group.slug])
    assert services.open_invitation(token) == invitation

    user = services.accept_invitation(invitation=invitation, name="Lee", password=GOOD)

    assert user.email == "lee@example.com"
    assert user.check_password(GOOD)
    assert user.has_perm("approvals.decide_action", here.environment)
    assert user.memberships.get().group_slugs() == {group.slug}
    assert services.open_invitation(token) is None


def test_the_secret_is_kept_as_a_digest_only(invited):
    invitation, token = invited
    row = Invitation.objects.filter(pk=invitation.pk).values().get()
    assert token not in str(row)


def test_an_invitation_works_once(invited):
    invitation, _ = invited
    services.accept_invitation(invitation=invitation, name="Lee", password=GOOD)

    with pytest.raises(StaleState):
        services.accept_invitation(invitation=invitation, name="Lee", password=GOOD)


def test_an_invitation_ends_after_seven_days(invited):
    invitation, token = invited
    left = invitation.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)

    Invitation.objects.update(expires_at=timezone.now())

    assert services.open_invitation(token) is None
    with pytest.raises(StaleState):
        services.accept_invitation(invitation=invitation, name="Lee", password=GOOD)


def test_a_revoked_invitation_is_no_way_in(here, invited):
    invitation, token = invited

    services.revoke_invitation(invitation=invitation, by=here.principal(here.admin))

    assert services.open_invitation(token) is None
    with pytest.raises(StaleState):
        services.revoke_invitation(invitation=invitation, by=here.principal(here.admin))


def test_a_newer_invitation_replaces_the_older(here, invited):
    _, old = invited
    _, new = _invite(here)

    assert services.open_invitation(old) is None
    assert services.open_invitation(new) is not None


def test_the_invitation_of_a_removed_admin_is_no_way_in(here, invited):
    invitation, token = invited
    other = people.person(here.environment, "admin")
    services.deactivate_member(here.member(here.admin), by=here.principal(other))

    assert services.open_invitation(token) is None
    with pytest.raises(StaleState):
        services.accept_invitation(invitation=invitation, name="Lee", password=GOOD)


@pytest.mark.parametrize("password", ["short", "password123", "lee@example.com", "1234567890"])
def test_a_weak_password_leaves_the_invitation_open(invited, password):
    invitation, token = invited

    with pytest.raises(Refused):
        services.accept_invitation(invitation=invitation, name="Lee", password=password)

    assert not User.objects.filter(email="lee@example.com").exists()
    assert services.open_invitation(token) is not None


def test_an_invitation_takes_over_nobodys_account(here):
    known = UserFactory(email="lee@example.com")
    invitation, _ = _invite(here)

    with pytest.raises(Refused, match="password"):
        services.accept_invitation(invitation=invitation, name="Mallory", password=GOOD)
    known.refresh_from_db()
    assert known.check_password(PASSWORD)

    user = services.accept_invitation(invitation=invitation, name="", password=PASSWORD)
    assert user == known


def test_who_may_not_invite_is_refused_and_recorded(here):
    with pytest.raises(Denied):
        services.invite(
            environment=here.environment, email="x@example.com", roles={"sandbox": ["admin"]},
            by=here.principal(here.operator),
        )  # fmt: skip

    record = AuditRecord.objects.get(action="tenants.invitation.created")
    assert (record.outcome, record.reason) == ("refused", "not_permitted")
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"email": "nobody"}, {"roles": {}}, {"roles": {"sandbox": []}}, {"roles": {"x": ["viewer"]}}],
)
def test_bad_input_makes_no_invitation(here, fields):
    with pytest.raises(Refused):
        _invite(here, **fields)
    assert not Invitation.objects.exists()


def test_a_member_needs_no_invitation(here):
    with pytest.raises(Refused, match="member already"):
        _invite(here, email=here.may.email)
