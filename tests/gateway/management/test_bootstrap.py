"""`manage.py bootstrap` makes the first tenant, and repeats without harm."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from gateway.tenants import principals
from gateway.tenants.models import ApiKey, Member, User
from gateway.tenants.models.access import digest_of

pytestmark = pytest.mark.django_db


def bootstrap(*options, tenant="acme", email="Root@Acme.example"):
    out = io.StringIO()
    call_command("bootstrap", "--tenant", tenant, "--email", email, "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def test_the_first_run_prints_what_lets_one_in():
    made = bootstrap()

    assert list(made) == ["tenant", "environment", "email", "password", "api_key"]
    assert (made["tenant"], made["environment"]) == ("acme", "sandbox")
    user = User.objects.get(email="root@acme.example")
    assert user.check_password(made["password"])
    key = ApiKey.objects.get(digest=digest_of(made["api_key"]))
    assert made["api_key"].startswith("csk_")
    assert key.environment.slug == "sandbox"
    assert principals.of_key(key).has("approvals.decide_action")
    for environment in key.environment.tenant.environments.all():
        assert user.has_perm("tenants.change_member", environment)


def test_a_second_run_changes_nothing_and_prints_nulls():
    bootstrap()
    records = AuditRecord.objects.count()

    again = bootstrap()

    assert (again["password"], again["api_key"]) == (None, None)
    assert again["tenant"] == "acme"
    assert AuditRecord.objects.count() == records


def test_new_key_makes_another_key():
    first = bootstrap()["api_key"]

    made = bootstrap("--new-key")

    assert made["password"] is None
    assert made["api_key"] not in {None, first}
    assert ApiKey.objects.count() == 2


def test_what_it_made_is_in_the_audit_log_without_secrets():
    made = bootstrap()

    text = "".join(AuditRecord.objects.values_list("body", flat=True))
    for action in ("tenant.created", "environment.created", "member.added", "api_key.created"):
        assert f"tenants.{action}" in text
    assert made["password"] not in text
    assert made["api_key"] not in text
    assert "acme.example" not in text


@pytest.mark.parametrize(
    "wrong", [{"tenant": "No Slug"}, {"tenant": "api"}, {"email": "no-address"}]
)
def test_bad_input_is_refused_and_leaves_nothing(wrong):
    with pytest.raises(CommandError):
        bootstrap(**wrong)
    assert not Member.objects.exists()
    assert not User.objects.exists()
