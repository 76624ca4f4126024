"""A query that is composed once answers as the ordinary one does, for any value, in any thread."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, models, transaction
from django.db.transaction import TransactionManagementError

from gateway.lib.prepared import Prepared
from gateway.tenants.models import Environment, Tenant
from tests.factories.tenants import EnvironmentFactory


def of_tenant(tenant: Any, name: Any = "test") -> models.QuerySet[Environment]:
    found = Environment.objects.filter(tenant=tenant, name__in=[name, "second"])
    return found.select_related("tenant").order_by("-name")


def prepared() -> Prepared[Environment]:
    name = Environment._meta.get_field("name")
    return Prepared(of_tenant, tenant=Tenant._meta.pk, name=name)


@pytest.mark.django_db
def test_each_value_gets_the_rows_that_the_queryset_gets_in_its_order() -> None:
    first, other = EnvironmentFactory(name="first"), EnvironmentFactory(name="first")
    EnvironmentFactory(tenant=first.tenant, name="second")
    ask = prepared()
    for here in (first, other):
        for name in ("first", "none"):
            found = ask(tenant=here.tenant_id, name=name)
            expected = list(of_tenant(here.tenant_id, name))
            assert [one.__dict__.keys() for one in found] == [
                one.__dict__.keys() for one in expected
            ]
            assert found == expected
    assert ask(tenant=uuid.uuid4(), name="first") == []


@pytest.mark.django_db
def test_related_rows_come_with_the_same_statement(django_assert_num_queries: Any) -> None:
    here = EnvironmentFactory(name="first")
    with django_assert_num_queries(1):
        (found,) = prepared()(tenant=here.tenant_id, name="first")
        assert found.tenant.slug == here.tenant.slug


@pytest.mark.django_db
def test_the_queryset_is_made_once_and_its_statement_is_the_ordinary_one() -> None:
    here, made = EnvironmentFactory(name="first"), []

    def build(tenant: Any) -> models.QuerySet[Environment]:
        made.append(tenant)
        return of_tenant(tenant)

    ask: Prepared[Environment] = Prepared(build, tenant=Tenant._meta.pk)
    connection.force_debug_cursor = True
    try:
        ask(tenant=here.tenant_id)
        ask(tenant=here.tenant_id)
        list(of_tenant(here.tenant_id))
    finally:
        connection.force_debug_cursor = False
    first, again, ordinary = (one["sql"] for one in connection.queries_log)
    assert first == again == ordinary
    assert len(made) == 1


@pytest.mark.django_db(transaction=True)
def test_every_thread_asks_over_its_own_connection() -> None:
    here = EnvironmentFactory(name="first")
    ask = prepared()
    assert ask(tenant=here.tenant_id, name="first") == [here]

    def elsewhere() -> tuple[list[Environment], bool]:
        try:
            found = ask(tenant=here.tenant_id, name="first")
            return found, connections["default"].connection is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() == ([here], True)


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_in_a_transaction_only() -> None:
    here = EnvironmentFactory(name="first")
    locked: Prepared[Environment] = Prepared(
        lambda key: Environment.objects.select_for_update().filter(pk=key),
        key=Environment._meta.pk,
    )
    with pytest.raises(TransactionManagementError):
        locked(key=here.pk)
    with transaction.atomic():
        assert locked(key=here.pk) == [here]
    with pytest.raises(TransactionManagementError):
        locked(key=here.pk)
