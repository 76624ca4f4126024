"""Replaying many events: the number first, then all of them, each by its own service call."""

import re

import pytest

from audit.models import AuditRecord
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks.models import Event
from webhooks.states import EventStatus
from webhooks.views import bulk

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def source(met):
    return SourceFactory(environment=met.environment)


def dead(source, count: int, **fields) -> list[Event]:
    given = {"status": EventStatus.DEAD, "due_at": None} | fields
    return [EventFactory(source=source, **given) for _ in range(count)]


def address(met, query: str = "") -> str:
    return at(met.environment, "webhooks:replay_many") + query


def fields(shown: str) -> dict[str, str]:
    """The hidden fields of the form on the page."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown)
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def to_the_end(browser, where: str) -> tuple[int, str]:
    """Go on until it is over, as somebody without script would; how many steps, and the page."""
    shown = text(browser.get(where))
    for step in range(1, 30):
        shown = text(browser.post(where, fields(shown)))
        if "Go on" not in shown:
            return step, shown
    raise AssertionError("it never ends")


def statuses(source) -> list[str]:
    return sorted(source.events.values_list("status", flat=True))


def test_the_page_says_how_many_before_anything_happens(met, source):
    dead(source, 3)
    dead(source, 2, status=EventStatus.QUARANTINED)
    dead(source, 1, body=None, body_sha256="0" * 64)
    shown = text(signed_in(met.operator).get(address(met)))
    assert "Process 3 events again?" in shown
    assert "3 others are left alone" in shown
    assert statuses(source).count(EventStatus.DEAD) == 4


def test_all_that_fit_the_filter_are_replayed_once_each(met, source, monkeypatch):
    monkeypatch.setattr(bulk, "STEP", 4)
    dead(source, 10)
    dead(source, 2, status=EventStatus.PROCESSED)
    steps, shown = to_the_end(signed_in(met.operator), address(met, "?status=dead"))
    assert steps == 3
    assert "10 events ordered again" in shown
    assert statuses(source) == [EventStatus.PROCESSED] * 2 + [EventStatus.RECEIVED] * 10
    assert AuditRecord.objects.filter(action="webhooks.event.replayed").count() == 10


def test_what_is_processed_again_meanwhile_is_not_replayed_twice(met, source, monkeypatch):
    monkeypatch.setattr(bulk, "STEP", 2)
    dead(source, 4)
    browser, where = signed_in(met.operator), address(met)
    shown = text(browser.post(where, fields(text(browser.get(where)))))
    source.events.filter(status=EventStatus.RECEIVED).update(status=EventStatus.PROCESSED)
    dead(source, 3)  # and new ones do not join
    text(browser.post(where, fields(shown)))
    assert [event.replays for event in source.events.order_by("pk")] == [1, 1, 1, 1, 0, 0, 0]


def test_only_the_ticked_ones_are_replayed(met, source):
    chosen, other = dead(source, 2)
    theirs = dead(SourceFactory(environment=met.elsewhere), 1)[0]
    query = f"?event={chosen.public_id}&event={theirs.public_id}&event=nonsense"
    _, shown = to_the_end(signed_in(met.operator), address(met, query))
    assert "1 event ordered again" in shown
    for event, status in (
        (chosen, EventStatus.RECEIVED),
        (other, EventStatus.DEAD),
        (theirs, EventStatus.DEAD),
    ):
        event.refresh_from_db()
        assert event.status == status


def test_there_is_a_bound(met, source, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_EVENTS", 3)
    dead(source, 5)
    browser = signed_in(met.operator)
    assert "At most 3 are taken at once" in text(browser.get(address(met)))
    to_the_end(browser, address(met))
    assert statuses(source).count(EventStatus.RECEIVED) == 3


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"total": "5"},
        {"total": "x", "ordered": "0", "refused": "0", "until": "evt_x"},
        {"total": "1", "ordered": "-1", "refused": "0", "until": "evt_" + "0" * 26},
        {"total": "1", "ordered": "0", "refused": "0", "until": "evt_" + "0" * 26, "after": "x"},
    ],
)
def test_a_form_that_says_something_else_replays_nothing(met, source, given):
    dead(source, 1)
    assert signed_in(met.operator).post(address(met), given).status_code == 422
    assert statuses(source) == [EventStatus.DEAD]


def test_nothing_to_replay_is_said(met):
    assert "Nothing here" in text(signed_in(met.operator).get(address(met, "?status=dead")))


def test_who_may_not_replay_cannot(met, source):
    dead(source, 1)
    for method in ("get", "post"):
        assert getattr(signed_in(met.may_not), method)(address(met)).status_code == 403
        assert getattr(signed_in(met.stranger), method)(address(met)).status_code == 404
    shown = text(signed_in(met.may_not).get(at(met.environment, "webhooks:events")))
    assert "Replay" not in shown


def test_the_list_offers_it_and_filters_what_came_more_than_once(met, source):
    dead(source, 1, event_type="came.once")
    dead(source, 1, event_type="came.twice", duplicates=1)
    browser, where = signed_in(met.operator), at(met.environment, "webhooks:events")
    assert "Replay all 2 that fit" in text(browser.get(where))
    shown = text(browser.get(where, {"copies": "1"}, headers=HTMX))
    assert "came.twice" in shown
    assert "came.once" not in shown
    assert "?copies=1" in shown
