"""Refusals by reason and hour: counted rightly, explained, exported, and nobody else's."""

import html
from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.tenants.roles import Role
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.tenants import EnvironmentFactory
from tests.factories.webhooks import RefusalFactory, SourceFactory
from webhooks.refusals import MEANINGS
from webhooks.schemes.reasons import Reason
from webhooks.views.charts import HEIGHT, spark
from webhooks.views.refusals import buckets, reason_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def source(met):
    return SourceFactory(environment=met.environment)


def refused(source, count, *, hours=0, reason="wrong_signature"):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
    return RefusalFactory(source=source, reason=reason, count=count, hour=hour, last_at=hour)


def shown(person, source, **query) -> str:
    answer = signed_in(person).get(
        at(source.environment, "webhooks:refusals", source=source.slug), query
    )
    assert answer.status_code == 200
    return html.unescape(text(answer))


def test_every_reason_says_what_it_means_and_what_to_do():
    assert set(MEANINGS) == set(Reason)
    assert all(meaning.text and meaning.todo for meaning in MEANINGS.values())


def test_counts_of_the_last_hours_are_summed_by_reason(source):
    refused(source, 3)
    refused(source, 4, hours=71)
    refused(source, 100, hours=72)
    refused(source, 2, reason="stale_timestamp")
    rows = reason_rows(source.refusals.all(), span="hours", now=timezone.now())
    assert [(row.reason, row.total) for row in rows] == [
        ("wrong_signature", 7),
        ("stale_timestamp", 2),
    ]


def test_counts_of_days_belong_to_the_day_in_the_tenants_zone(source):
    now = timezone.now()
    for hours in (0, 24, 48):
        refused(source, 1, hours=hours)
    with timezone.override("Pacific/Auckland"):
        (row,) = reason_rows(source.refusals.all(), span="days", now=now)
        assert row.total == 3
        assert len(row.chart.bars) == 3
        assert all(moment.hour == 0 for moment in buckets("days", now))


def test_a_single_refusal_is_seen_beside_thousands():
    now = timezone.now()
    chart = spark([(now, 1), (now, 0), (now, 5000)], label="x", form="%H")
    small, large = chart.bars
    assert large.height == HEIGHT
    assert 2 <= small.height < large.height
    assert "5001 in all" in chart.label


def test_the_page_shows_each_reason_with_its_meaning_and_links_its_number(met, source):
    refused(source, 12, reason="stale_timestamp")
    told = shown(met.may_not, source)
    assert "Stale stamp" in told
    assert MEANINGS["stale_timestamp"].todo in told
    assert "?reason=stale_timestamp#hours" in told
    assert "<rect" in told


def test_the_list_is_narrowed_to_a_reason(met, source):
    refused(source, 12)
    refused(source, 34, reason="stale_timestamp")
    listed = shown(met.may_not, source, reason="stale_timestamp", span="days").partition("hours")[2]
    assert ">34</td>" in listed
    assert ">12</td>" not in listed


def test_it_is_exported_with_meanings(met, source):
    refused(source, 12)
    assert "wrong_signature,12" in shown(met.may_not, source, format="csv")


def test_nonsense_in_the_query_changes_nothing(met, source):
    refused(source, 1)
    assert "Wrong signature" in shown(met.may_not, source, span="x", reason="\x00", page="x")


def test_another_tenants_source_is_not_there(met, source):
    address = at(met.environment, "webhooks:refusals", source=source.slug)
    assert signed_in(met.stranger).get(address).status_code == 404
    assert signed_in(met.auditor).get(address).status_code == 403
    theirs = SourceFactory(environment=met.elsewhere)
    address = at(met.environment, "webhooks:refusals", source=theirs.slug)
    assert signed_in(met.admin).get(address).status_code == 404


def test_the_source_page_shows_a_chart_and_links_its_numbers(met, source):
    refused(source, 9)
    told = text(
        signed_in(met.may_not).get(at(met.environment, "webhooks:source", source=source.slug))
    )
    assert "<rect" in told
    assert "reason=wrong_signature#hours" in told


def unknown(person, environment) -> str:
    return text(signed_in(person).get(at(environment, "webhooks:unknown")))


def test_what_came_to_unknown_addresses_is_no_tenants_business_where_there_are_several(met):
    RefusalFactory(source=None, reason="unknown_source", count=4711)
    assert "4711" not in unknown(met.admin, met.environment)
    boss = met.may_not
    boss.is_superuser = True
    boss.save()
    assert "4711" in unknown(boss, met.environment)
    assert "4711" in text(signed_in(boss).get(at(met.environment, "webhooks:sources")))


def test_the_admin_of_the_only_tenant_sees_it_and_a_viewer_does_not():
    RefusalFactory(source=None, reason="unknown_source", count=4711)
    environment = EnvironmentFactory()
    assert "4711" in unknown(people.person(environment, Role.ADMIN), environment)
    assert "4711" not in unknown(people.person(environment, Role.VIEWER), environment)
