"""Who gets into the API, and as whom."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.tenants.models import ApiKey
from tests import people
from tests.callers import by_key, key_for, key_of, signed_in
from tests.factories.agents import AgentFactory

pytestmark = pytest.mark.django_db
NEW_GROUP = {"slug": "finance", "name": "Finance"}


@pytest.fixture
def here():
    return people.ready()


def test_without_a_key_or_session_the_answer_is_401(here, client):
    answer = client.get("/api/v1/actions")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer["X-Request-ID"]


@pytest.mark.parametrize("secret", ["", "csk_", "csk_00000000000000000000000000", "sk_other"])
def test_an_unknown_key_is_refused(here, secret):
    assert by_key(secret).get("actions").status_code == 401


@pytest.mark.parametrize(
    "ended", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}]
)
def test_a_key_that_ended_is_refused(here, ended):
    caller = key_of(here, here.may)
    assert caller.get("actions").status_code == 200
    ApiKey.objects.update(**ended)
    assert caller.get("actions").status_code == 401


def test_a_key_ends_with_the_membership(here):
    caller = key_of(here, here.may)
    member = here.member(here.may)
    member.deactivated_at = timezone.now()
    member.save()
    assert caller.get("actions").status_code == 401


def test_the_use_of_a_key_is_noted_once_a_minute(here):
    caller = key_of(here, here.may)
    caller.get("actions")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    caller.get("actions")
    assert ApiKey.objects.get().last_used_at == first


def test_scopes_narrow_what_a_key_may_do(here):
    caller = key_of(here, here.admin, scopes=["approvals.view_action"])
    assert caller.get("actions").status_code == 200
    answer = caller.get("policies")
    assert answer.status_code == 403
    assert answer.json()["permission"] == "approvals.view_policy"


def test_a_browser_names_its_environment(here):
    caller = signed_in(here.may, here.environment)
    assert caller.get("actions").status_code == 200
    answer = caller.client.get("/api/v1/actions")
    assert answer.status_code == 401
    assert "Countersign-Environment" in answer.json()["detail"]


def test_an_environment_of_others_looks_like_none(here):
    assert signed_in(here.may, here.elsewhere).get("actions").status_code == 404
    assert signed_in(here.stranger, here.environment).get("actions").status_code == 404


def test_a_browser_needs_the_csrf_token_to_change_anything(here):
    caller = signed_in(here.admin, here.environment)
    assert caller.post("groups", NEW_GROUP).status_code == 403
    token = caller.client.get("/api/docs").context["csrf_token"]
    assert caller.post("groups", NEW_GROUP, X_CSRFToken=str(token)).status_code == 201


def test_the_record_names_the_key_holder(here):
    key_of(here, here.admin).post("groups", NEW_GROUP, X_Correlation_ID="journey-7")
    record = AuditRecord.objects.get(action="tenants.group.created")
    assert (record.actor_kind, record.actor_id) == ("person", here.admin.public_id)
    assert record.correlation_id == "journey-7"
    assert record.body_json["actor"]["auth"] == "api_key"
    assert record.body_json["request"]["ip_hmac"]


def test_a_machine_never_decides_nor_configures(here):
    machine = key_for(AgentFactory(environment=here.environment))
    assert machine.get("actions").status_code == 200
    for path in ("policies", "tools", "agents", "api-keys", "members", "sources"):
        assert machine.post(path, {}).status_code == 403, path
