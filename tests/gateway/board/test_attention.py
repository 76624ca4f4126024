"""Needs attention: each kind of trouble is found, counted, explained, and led to."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.states import ActionStatus
from audit.models import Verification
from gateway.board import attention
from gateway.runs.states import ReportStatus
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.outlets import OutletFactory
from tests.factories.runs import ReportFactory
from tests.factories.tenants import ApiKeyFactory
from tests.factories.webhooks import EventFactory, SecretFactory, SourceFactory
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def met():
    return people.ready()


def verified(environment):
    Verification.objects.create(
        log=environment.tenant.public_id, verified_at=timezone.now(), leaves=0, root="", found=0
    )


def trouble(environment, times=1):
    """Every kind of trouble, so many times each."""
    soon = timezone.now() + timedelta(days=3)
    for _ in range(times):
        ActionFactory(environment=environment, status=ActionStatus.UNKNOWN)
        ReportFactory(run__environment=environment, status=ReportStatus.DEAD, due_at=None)
        source = SourceFactory(environment=environment, silent_since=timezone.now())
        SecretFactory(source=source)
        EventFactory(source=source, status=EventStatus.QUARANTINED)
        EventFactory(source=source, status=EventStatus.DEAD)
        ConnectionFactory(environment=environment, expires_at=NOW - timedelta(days=1))
        ConnectionFactory(environment=environment, expires_at=soon)
        ending = SourceFactory(environment=environment)
        SecretFactory(source=ending, not_after=soon)
        ApiKeyFactory(environment=environment, expires_at=soon)
        OutletFactory(log=environment.tenant.public_id, failures=2)


def found(met, who):
    may = lambda permission: who.has_perm(permission, met.environment)  # noqa: E731 - as views ask
    return {
        group.watch.key: group.found.count for group in attention.groups(met.environment, may=may)
    }


def test_every_kind_of_trouble_is_found_once_and_nothing_else(met):
    verified(met.environment)
    assert found(met, met.admin) == {}
    trouble(met.environment)
    trouble(met.elsewhere, times=2)
    assert found(met, met.admin) == {
        "unknown": 1, "reports": 1, "quarantined": 1, "dead": 1, "broken": 1, "silent": 1,
        "ending": 1, "secrets": 1, "keys": 1, "outlets": 1,
    }  # fmt: skip


def test_a_log_that_nobody_verified_is_for_those_who_read_it(met):
    assert found(met, met.admin) == {"audit": 1}
    assert found(met, met.may_not) == {}


def test_the_number_of_queries_does_not_grow_with_the_trouble(met):
    browser, address = signed_in(met.admin), at(met.environment, "board:attention")
    trouble(met.environment)
    browser.get(address)
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get(address)
    trouble(met.environment, times=4)
    with CaptureQueriesContext(connection) as many:
        browser.get(address)
    assert len(many) == len(few)


def test_the_page_names_what_to_do_and_leads_to_lists_that_show_as_many(met):
    verified(met.environment)
    trouble(met.environment, times=2)
    browser = signed_in(met.admin)
    shown = text(browser.get(at(met.environment, "board:attention")))
    assert "settle each with what you found" in shown
    for page, query in (
        ("approvals:list", "status=unknown"), ("runs:list", "reports=undelivered"),
        ("webhooks:events", "status=dead"), ("webhooks:events", "status=quarantined"),
        ("connections:list", "state=broken"), ("connections:list", "state=ending"),
        ("webhooks:sources", "state=silent"),
    ):  # fmt: skip
        address = f"{at(met.environment, page)}?{query}"
        assert f'href="{address}"' in shown
        assert browser.get(address).context["page_obj"].paginator.count == 2, address


def test_the_side_bar_counts_and_htmx_gets_the_list_alone(met):
    verified(met.environment)
    ActionFactory(environment=met.environment, status=ActionStatus.UNKNOWN)
    browser = signed_in(met.may_not)
    assert ">1</span>" in text(browser.get(at(met.environment, "board:attention_count")))
    part = text(browser.get(at(met.environment, "board:attention"), headers=HTMX))
    assert "<html" not in part
    assert "outcome is unknown" in part


def test_an_answer_given_up_long_ago_is_history(met):
    old = ReportFactory(run__environment=met.environment, status=ReportStatus.DEAD, due_at=None)
    assert found(met, met.may)["reports"] == 1
    type(old).objects.filter(pk=old.pk).update(created_at=NOW - timedelta(days=15))
    assert "reports" not in found(met, met.may)


def test_without_trouble_the_page_says_so(met):
    verified(met.environment)
    assert "Nothing needs attention" in text(
        signed_in(met.admin).get(at(met.environment, "board:attention"))
    )


def test_the_list_is_a_file_too(met):
    trouble(met.environment)
    answer = signed_in(met.admin).get(at(met.environment, "board:attention"), {"format": "csv"})
    lines = text(answer).splitlines()
    assert lines[0] == "kind,what,count,oldest,what_to_do,note"
    assert lines[1].startswith("unknown,Actions whose outcome is unknown,1,20")
