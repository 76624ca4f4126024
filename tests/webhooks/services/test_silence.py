"""A source that falls silent is told once, not at night, and is forgiven with its next event."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.lib import ids
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks.rhythm import FLOOR_S, rhythm_of
from webhooks.services.silence import Watch

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def heard(source, *moments: datetime) -> None:
    """Events of these times, their ids made then."""
    for number, moment in enumerate(sorted(moments)):
        made = ids.floor(moment.timestamp()).int | uuid.uuid4().int >> 64
        EventFactory(source=source, id=uuid.UUID(int=made), received_at=moment, due_at=None)
        source.last_event_at = moment
        assert number < 200
    source.save()


def every(minutes: float, count: int, *, until: timedelta) -> list[datetime]:
    """That many moments with so many minutes between, the last of them so long ago."""
    return [NOW - until - timedelta(minutes=minutes * back) for back in range(count)]


def told() -> list[str]:
    rows = AuditRecord.objects.filter(action__in=("webhooks.source.fell_silent", HEARD))
    return list(rows.order_by("id").values_list("action", flat=True))


HEARD = "webhooks.source.heard_again"
SILENT = "webhooks.source.fell_silent"


def test_a_rhythm_needs_some_events_and_has_a_floor():
    assert rhythm_of([float(at) for at in range(10)]) is None
    found = rhythm_of([60.0 * at for at in range(20)])
    assert found is not None
    assert found.usual_s == 60
    assert found.limit_s == FLOOR_S


def test_the_largest_pause_so_far_is_no_alarm():
    found = rhythm_of([*(60.0 * at for at in range(20)), 20_000.0])
    assert found is not None
    assert found.limit_s > 2 * 18_000


def test_a_source_quiet_beyond_its_rhythm_is_told_once():
    source = SourceFactory()
    heard(source, *every(4, 30, until=timedelta(hours=1)))
    assert Watch().look(NOW) == 1
    assert Watch().look(NOW) == 0
    source.refresh_from_db()
    assert source.is_silent
    assert source.silent_since == source.last_event_at
    assert told() == [SILENT]


def test_a_short_pause_is_none():
    source = SourceFactory()
    heard(source, *every(4, 30, until=timedelta(minutes=14)))
    assert Watch().look(NOW) == 0


def test_the_next_event_ends_it():
    source = SourceFactory()
    heard(source, *every(4, 30, until=timedelta(hours=1)))
    Watch().look(NOW)
    source.refresh_from_db()
    source.last_event_at = NOW
    source.save()
    assert not source.is_silent
    Watch().look(NOW)
    source.refresh_from_db()
    assert source.silent_since is None
    assert told() == [SILENT, HEARD]


def test_hours_that_were_as_quiet_a_week_ago_are_no_alarm():
    source = SourceFactory()
    week = timedelta(days=7)
    heard(
        source,
        *every(4, 60, until=timedelta(hours=3)),
        *every(4, 30, until=week + timedelta(hours=3)),
    )
    assert Watch().look(NOW) == 0


def test_hours_that_were_busy_a_week_ago_are():
    source = SourceFactory()
    week = timedelta(days=7)
    heard(
        source,
        *every(4, 60, until=timedelta(hours=3)),
        *every(4, 100, until=week - timedelta(hours=1)),
    )
    assert Watch().look(NOW) == 1


def test_a_young_source_is_compared_with_the_day_before():
    source = SourceFactory()
    day = timedelta(days=1)
    heard(
        source,
        *every(4, 60, until=timedelta(hours=3)),
        *every(4, 30, until=day + timedelta(hours=3)),
    )
    assert Watch().look(NOW) == 0


def test_a_limit_of_ones_own_counts_as_it_is():
    source = SourceFactory(settings={"silent_after_s": 120})
    heard(source, *every(60, 2, until=timedelta(seconds=121)))
    fresh = SourceFactory(settings={"silent_after_s": 120})
    heard(fresh, *every(60, 2, until=timedelta(seconds=119)))
    assert Watch().look(NOW) == 1
    fresh.refresh_from_db()
    assert fresh.silent_since is None


def test_a_source_that_never_sent_is_told_only_where_a_limit_was_set():
    SourceFactory()
    never = SourceFactory(settings={"silent_after_s": 3600})
    assert Watch().look(NOW + timedelta(hours=2)) == 1
    never.refresh_from_db()
    assert never.is_silent


@pytest.mark.parametrize("state", [{"is_enabled": False}, {"archived_at": NOW}])
def test_a_source_that_is_off_is_quiet_by_intent(state):
    source = SourceFactory(**state)
    heard(source, *every(4, 30, until=timedelta(hours=1)))
    assert Watch().look(NOW) == 0


def test_while_it_stays_quiet_its_events_are_not_read_again(django_assert_max_num_queries):
    source = SourceFactory()
    heard(source, *every(60, 30, until=timedelta(minutes=70)))
    watch = Watch()
    watch.look(NOW)
    with django_assert_max_num_queries(2):
        watch.look(NOW)


def test_the_sweep_notices_it():
    from webhooks import services
    from webhooks.services import silence

    source = SourceFactory()
    heard(source, *every(4, 30, until=timedelta(hours=1)))
    silence.WATCH.ticked_at = -silence.TICK_S
    services.sweep()
    source.refresh_from_db()
    assert source.is_silent


def test_it_is_seen_on_the_list_and_on_the_page():
    met = people.ready()
    source = SourceFactory(environment=met.environment)
    heard(source, *every(4, 30, until=timedelta(hours=1)))
    Watch().look(NOW)
    browser = signed_in(met.may_not)
    for address in (
        at(met.environment, "webhooks:sources"),
        at(met.environment, "webhooks:source", source=source.slug),
    ):
        shown = text(browser.get(address))
        assert "Quiet for" in shown
        assert "usually every 4 min" in shown
