"""Members, invitations, groups and the account pages."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditRecord
from gateway.tenants.models import Group, Invitation, Member, User
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.tenants import PASSWORD, InvitationFactory, UserFactory

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "brisk-lantern-otter-91"


@pytest.fixture
def met():
    return people.ready()


def invited(met, **data):
    place = f"roles_{met.environment.slug}"
    form = {"email": "newcomer@example.com", place: ["reviewer"], **data}
    return signed_in(met.admin).post(at(met.environment, "tenants:invite"), form)


def link_in(answer):
    return re.search(r"/accounts/invitations/[^/<]+/", text(answer)).group()


def test_an_admin_invites_and_the_newcomer_joins_with_that_role(met):
    link = link_in(invited(met))
    newcomer = Client()
    assert "newcomer@example.com" in text(newcomer.get(link))
    answer = newcomer.post(link, {"name": "Nora New", "password": NEW_PASSWORD})
    assert answer.status_code == 302
    user = User.objects.get(email="newcomer@example.com")
    assert user.has_perm("approvals.decide_action", met.environment)
    assert newcomer.get(at(met.environment, "approvals:inbox")).status_code == 200


def test_an_invitation_works_once(met):
    link = link_in(invited(met))
    Client().post(link, {"name": "Nora New", "password": NEW_PASSWORD})
    assert Client().get(link).status_code == 410


def test_a_made_up_invitation_is_gone():
    assert Client().get("/accounts/invitations/join_nonsense/").status_code == 410


def test_a_weak_password_is_refused_and_nobody_joins(met):
    answer = Client().post(link_in(invited(met)), {"name": "Nora", "password": "password"})
    assert answer.status_code == 422
    assert not User.objects.filter(email="newcomer@example.com").exists()


def test_an_invitation_without_a_role_is_refused(met):
    answer = invited(met, **{f"roles_{met.environment.slug}": []})
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("verb", ["invite", "add_group"])
def test_who_may_not_change_members_cannot(verb, met):
    address = at(met.environment, f"tenants:{verb}")
    assert signed_in(met.may).post(address, {"email": "x@example.com"}).status_code == 403
    assert signed_in(met.stranger).post(address, {"email": "x@example.com"}).status_code == 404


def test_an_admin_revokes_an_invitation(met):
    invitation = InvitationFactory(tenant=met.environment.tenant, roles={"sandbox": ["viewer"]})
    address = at(met.environment, "tenants:revoke", invitation=invitation.public_id)
    signed_in(met.admin).post(address)
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None


def test_an_invitation_of_another_tenant_is_not_there(met):
    invitation = InvitationFactory(tenant=met.elsewhere.tenant)
    address = at(met.environment, "tenants:revoke", invitation=invitation.public_id)
    assert signed_in(met.admin).post(address).status_code == 404


def test_an_admin_changes_roles_and_groups(met):
    signed_in(met.admin).post(at(met.environment, "tenants:add_group"), {"name": "Finance"})
    member = met.member(met.may_not)
    address = at(met.environment, "tenants:member", member=member.public_id)
    form = {f"roles_{met.environment.slug}": ["reviewer"], "groups": ["finance"]}
    assert signed_in(met.admin).post(address, form).status_code == 302
    assert met.may_not.has_perm("approvals.decide_action", met.environment)
    assert Group.objects.get().members.get() == member


def test_the_last_admin_cannot_be_taken_away(met):
    address = at(met.environment, "tenants:member", member=met.member(met.admin).public_id)
    answer = signed_in(met.admin).post(address, {f"roles_{met.environment.slug}": ["viewer"]})
    assert answer.status_code == 422
    assert met.admin.has_perm("tenants.change_member", met.environment)


def test_a_deactivated_member_is_out_at_once(met):
    browser = signed_in(met.may_not)
    member = met.member(met.may_not)
    address = at(met.environment, "tenants:deactivate", member=member.public_id)
    assert signed_in(met.admin).get(address).status_code == 200
    assert signed_in(met.admin).post(address).status_code == 302
    assert browser.get(at(met.environment, "approvals:inbox")).status_code in (403, 404)


def test_signing_in_leads_home_and_is_recorded(met):
    browser = Client()
    answer = browser.post(
        reverse("account_login"), {"login": met.may.email.upper(), "password": PASSWORD}
    )
    assert answer["Location"] == "/"
    assert AuditRecord.objects.filter(action="tenants.user.signed_in").count() == 1


def test_a_wrong_password_says_so_and_names_nobody(met):
    answer = Client().post(reverse("account_login"), {"login": met.may.email, "password": "no"})
    assert answer.status_code == 200
    assert "not correct" in text(answer)


def test_signing_out_needs_a_post_and_is_recorded(met):
    browser = signed_in(met.may)
    assert browser.get(reverse("account_logout")).status_code == 200
    browser.post(reverse("account_logout"))
    assert "_auth_user_id" not in browser.session
    assert AuditRecord.objects.filter(action="tenants.user.signed_out").count() == 1


def test_a_password_is_changed_and_recorded(met):
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    answer = signed_in(met.may).post(reverse("account_change_password"), form)
    met.may.refresh_from_db()
    assert answer.status_code == 302
    assert met.may.check_password(NEW_PASSWORD)
    assert AuditRecord.objects.filter(action="tenants.user.password_changed").count() == 1


def test_nobody_signs_up():
    answer = Client().get(reverse("account_signup"))
    assert "By invitation only" in text(answer)
    Client().post(reverse("account_signup"), {"email": "a@example.com", "password1": NEW_PASSWORD})
    assert not User.objects.exists()


def test_without_mail_the_forgotten_password_page_says_whom_to_ask():
    assert "sends no mail" in text(Client().get(reverse("account_reset_password")))


@pytest.mark.parametrize(
    "name", ["account_login", "account_inactive", "account_reset_password_done"]
)
def test_account_pages_carry_our_frame(name):
    assert "cs-gate" in text(Client().get(reverse(name)))


def test_an_invitation_is_no_way_around_the_limit_of_sign_in(met):
    """Five wrong passwords in five minutes are enough, whichever door they come through."""
    known = UserFactory(email="known@example.com")
    known.set_password(NEW_PASSWORD)
    known.save()
    link = link_in(invited(met, email=known.email))
    newcomer = Client()
    for guess in range(5):
        assert newcomer.post(link, {"password": f"guess-{guess}"}).status_code == 422

    answer = newcomer.post(link, {"password": NEW_PASSWORD})

    assert answer.status_code == 422
    assert "Too many failed login attempts" in text(answer)
    assert not Member.objects.filter(user=known, tenant=met.environment.tenant).exists()
