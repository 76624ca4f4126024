"""The same Idempotency-Key creates once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.tenants.models import ApiKey, Group, IdempotencyKey
from tests import people
from tests.callers import key_of, signed_in

pytestmark = pytest.mark.django_db
BODY = {"slug": "finance", "name": "Finance"}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def caller(here):
    return key_of(here, here.admin)


def test_a_repeated_call_gets_the_first_answer(caller):
    first = caller.post("groups", BODY, Idempotency_Key="one")
    again = caller.post("groups", BODY, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Group.objects.count() == 1


def test_another_body_under_the_same_key_is_refused(caller):
    caller.post("groups", BODY, Idempotency_Key="one")
    answer = caller.post("groups", {**BODY, "slug": "legal"}, Idempotency_Key="one")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"


def test_a_call_in_progress_is_a_conflict(caller, here):
    caller.post("groups", BODY, Idempotency_Key="one")
    IdempotencyKey.objects.update(status=None)
    answer = caller.post("groups", BODY, Idempotency_Key="one")
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_in_progress"


def test_a_crashed_call_frees_its_key(caller):
    caller.post("groups", BODY, Idempotency_Key="one")
    Group.objects.all().delete()
    IdempotencyKey.objects.update(status=None, created_at=timezone.now() - timedelta(minutes=3))
    assert caller.post("groups", BODY, Idempotency_Key="one").status_code == 201


def test_a_refused_call_leaves_neither_row_nor_key(caller):
    bad = caller.post("groups", {**BODY, "members": ["nobody@example.com"]}, Idempotency_Key="one")
    assert bad.status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert not Group.objects.exists()
    assert caller.post("groups", BODY, Idempotency_Key="one").status_code == 201


def test_secrets_are_not_kept(caller):
    first = caller.post("api-keys", {"name": "robot"}, Idempotency_Key="one").json()
    assert first["key"].startswith("csk_")
    again = caller.post("api-keys", {"name": "robot"}, Idempotency_Key="one").json()
    assert again["id"] == first["id"]
    assert again["key"] is None
    assert first["key"] not in str(IdempotencyKey.objects.get().answer)
    assert ApiKey.objects.count() == 2  # the caller's own, and one robot


def test_keys_of_two_people_do_not_meet(caller, here):
    caller.post("groups", BODY, Idempotency_Key="one")
    other = key_of(here, here.admin)
    assert other.post("groups", BODY, Idempotency_Key="one")["Idempotent-Replayed"] == "true"
    assert signed_in(here.may, here.environment).get("groups").status_code == 200


def test_a_key_is_forgotten_after_a_day(caller):
    caller.post("groups", BODY, Idempotency_Key="one")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    answer = caller.post("groups", {**BODY, "slug": "legal"}, Idempotency_Key="one")
    assert answer.status_code == 201


@pytest.mark.parametrize("bad", ["ü", "x" * 201])
def test_a_key_that_cannot_be_kept_is_refused(caller, bad):
    assert caller.post("groups", BODY, Idempotency_Key=bad).status_code == 422
