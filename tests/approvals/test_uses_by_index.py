"""An upgrade gives the calls of the last day what new ones are counted by."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from approvals.models import Action
from approvals.services.targets import key_of
from tests.factories.approvals import ActionFactory

pytestmark = pytest.mark.django_db
migration = import_module("approvals.migrations.0027_uses_by_index")
TARGET = ["customer:CUST-77", "order:1001"]


def test_calls_of_the_last_day_get_the_key_of_their_target():
    today, without, old = (ActionFactory(target=target) for target in (TARGET, [], TARGET))
    Action.objects.update(target_key="")
    Action.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))

    migration.fill(apps, None)

    keys = dict(Action.objects.values_list("pk", "target_key"))
    assert keys == {today.pk: key_of(TARGET), without.pk: "", old.pk: ""}
    assert key_of(TARGET) != key_of(TARGET[:1])
