"""Members, groups and environments by API."""

import pytest

from audit.models import AuditRecord
from gateway.tenants.models import IdempotencyKey, Invitation
from tests import people
from tests.callers import key_of, signed_in
from tests.factories.tenants import EnvironmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


def test_a_member_is_invited_by_a_link(here, admin, client):
    body = {"email": "lee@example.com", "roles": {here.environment.slug: ["reviewer"]}}
    answer = admin.post("members", body, Idempotency_Key="one")
    assert answer.status_code == 201, answer.content
    link = answer.json()["url"]
    assert client.get("/" + link.split("/", 3)[3]).status_code == 200
    assert Invitation.objects.get().email == "lee@example.com"
    assert link.rsplit("/", 2)[1] not in str(IdempotencyKey.objects.get().answer)


@pytest.mark.parametrize(
    "change",
    [{"email": "nobody"}, {"roles": {"sandbox": ["king"]}}, {"roles": {"moon": ["viewer"]}},
     {"groups": ["nothing"]}, {"roles": {}}],
)  # fmt: skip
def test_a_wrong_invitation_is_refused(admin, change):
    body = {"email": "lee@example.com", "roles": {"sandbox": ["viewer"]}} | change
    assert admin.post("members", body).status_code == 422
    assert not Invitation.objects.exists()


def test_members_are_those_of_the_tenant(here, admin):
    shown = admin.get("members").json()["items"]
    assert here.stranger.email not in {row["email"] for row in shown}
    reviewer = next(row for row in shown if row["email"] == here.may.email)
    assert reviewer["roles"] == {here.environment.slug: ["reviewer"]}
    foreign = here.stranger.memberships.get()
    assert admin.get(f"members/{foreign.public_id}").status_code == 404


def test_a_group_is_made_with_its_members(here, admin):
    body = {"slug": "finance", "name": "Finance", "members": [here.may.email]}
    made = admin.post("groups", body).json()
    assert made["members"] == [here.member(here.may).public_id]
    stranger = {"slug": "others", "name": "Others", "members": [here.stranger.email]}
    assert admin.post("groups", stranger).status_code == 422
    assert [row["slug"] for row in admin.get("groups").json()["items"]] == ["finance"]


def test_a_key_knows_its_own_environment_only(here, admin):
    slugs = [row["slug"] for row in admin.get("environments").json()["items"]]
    assert slugs == [here.environment.slug]
    page = signed_in(here.admin, here.environment).get("environments").json()
    assert [row["tenant"] for row in page["items"]] == [here.environment.tenant.slug]


def test_admin_sets_where_an_environment_is_and_what_is_sensitive_there(here):
    admin = key_of(here, here.admin)
    body = {"region": "eu-central-1", "word_lists": [{"name": "projects", "words": ["Titan"]}]}
    answer = admin.send("patch", f"environments/{here.environment.slug}", body)
    assert (answer.status_code, answer.json()["region"]) == (200, "eu-central-1")
    record = AuditRecord.objects.get(action="tenants.environment.changed")
    assert "Titan" not in record.body
    again = admin.send("patch", f"environments/{here.environment.slug}", {"region": ""}).json()
    assert (again["region"], again["word_lists"]) == ("", body["word_lists"])
    domains = {"own_domains": ["Example.com"]}
    again = admin.send("patch", f"environments/{here.environment.slug}", domains).json()
    assert (again["own_domains"], again["word_lists"]) == (["example.com"], body["word_lists"])


@pytest.mark.parametrize(
    "body",
    [
        {"region": "Far Away"},
        {"word_lists": [{"name": "a", "patterns": ["(?=x)"]}]},
        {"word_lists": [{"name": "a", "word": "x"}]},
        {"own_domains": ["localhost"]},
        {"kind": "production"},
    ],
)
def test_settings_that_cannot_be_used_change_nothing(here, body):
    admin = key_of(here, here.admin)
    answer = admin.send("patch", f"environments/{here.environment.slug}", {"region": "eu"} | body)
    assert answer.status_code == 422
    here.environment.refresh_from_db()
    stored = here.environment
    assert (stored.region, stored.word_lists, stored.own_domains) == ("", [], [])


def test_only_an_admin_changes_an_environment_and_only_the_one_asked_in(here):
    address = f"environments/{here.environment.slug}"
    assert key_of(here, here.operator).send("patch", address, {}).status_code == 403
    other = EnvironmentFactory(tenant=here.environment.tenant)
    admin = key_of(here, here.admin)
    assert admin.send("patch", f"environments/{other.slug}", {"region": "eu"}).status_code == 404
