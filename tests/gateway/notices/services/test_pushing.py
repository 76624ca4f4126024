"""Notices in browsers: who is told where, what their push services get, and when it ends."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from audit.models import AuditRecord
from gateway.lib import sealing
from gateway.lib.errors import Refused
from gateway.notices import services, webpush
from gateway.notices.models import Browser, Notice
from gateway.notices.services import filing
from tests.doubles.push import PushService
from tests.doubles.serving import Said, serving
from tests.factories.notices import BrowserFactory, PreferenceFactory
from tests.gateway.notices.scene import saying, waiting
from tests.people import People, ready

pytestmark = pytest.mark.django_db
KEY = "5" * 64
# A browser of the standard's example.
GIVEN = {
    "endpoint": "https://push.example.com/v1/one",
    "p256dh": (
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    ),
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


@pytest.fixture
def people(settings: Any) -> People:
    settings.PUSH_KEY = KEY
    return ready()


@pytest.fixture
def service(people: People, settings: Any) -> Iterator[PushService]:
    """The push service of a browser of `people.may`, who wants to be told of everything there."""
    every = {risk: ["push"] for risk in ("low", "medium", "high", "critical")}
    member = people.member(people.may)
    PreferenceFactory(environment=people.environment, member=member, media=every)
    with serving(PushService(key=webpush.public_text(KEY))) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        browser_at(people, double)
        yield double


def browser_at(people: People, double: PushService) -> Browser:
    """A browser at the double, which speaks plain HTTP: no subscription over the desk could."""
    made = BrowserFactory(environment=people.environment, member=people.member(people.may),
                          endpoint=double.subscription["endpoint"])  # fmt: skip
    made.sealed = sealing.seal(json.dumps(double.subscription), **made.place())
    made.save()
    return made


def told(action: Any) -> Notice:
    filing.follow(action)
    services.deliver_due()
    return Notice.objects.get(action=action, medium="push")


def test_the_browser_reads_risk_tool_and_place_and_nothing_else(
    service: PushService, people: People
) -> None:
    action = saying(people, "A secret plan")
    assert told(action).status == "sent"
    said = json.loads(service.read[0])
    assert set(said) == {"title", "body", "path", "tag"}
    assert said["title"] == f"Medium risk: {action.tool_name} waits for a decision"
    assert said["path"].endswith(f"/actions/{action.public_id}/")
    assert b"secret plan" not in service.read[0]
    assert b"secret plan" not in service.asked[0].body
    assert Browser.objects.get().used_at is not None


def test_each_browser_is_told_and_one_that_is_gone_is_forgotten(
    service: PushService, people: People, settings: Any
) -> None:
    with serving(PushService(key=webpush.public_text(KEY), is_subscribed=False)) as other:
        settings.OUTBOUND_ALLOW = [service.host_port, other.host_port]
        gone = browser_at(people, other)
        assert told(waiting(people)).status == "sent"
    gone.refresh_from_db()
    assert gone.removed_at is not None
    assert gone.sealed == ""
    assert len(service.read) == 1
    assert AuditRecord.objects.filter(action="notices.browser.removed").count() == 1


def test_where_every_browser_is_gone_nobody_tries_again(
    service: PushService, people: People
) -> None:
    service.is_subscribed = False
    notice = told(waiting(people))
    assert (notice.status, notice.reason) == ("dead", "no_browser")
    assert not Notice.objects.filter(action=notice.action, status="due").exists()
    # The next action is not even filed for a browser.
    filing.follow(later := waiting(people))
    assert not Notice.objects.filter(action=later, medium="push").exists()


def test_a_service_that_asks_for_patience_gets_it(service: PushService, people: People) -> None:
    service.before.append(Said(429, headers={"Retry-After": "120"}))
    notice = told(waiting(people))
    assert (notice.status, notice.reason) == ("due", "http_429")
    Notice.objects.update(due_at=notice.created_at)
    services.deliver_due()
    notice.refresh_from_db()
    assert notice.status == "sent"
    first, second = service.asked
    # What was not fetched yet is replaced, not doubled.
    assert first.headers["topic"] == second.headers["topic"] == notice.public_id


def test_a_refusal_is_final(service: PushService, people: People, settings: Any) -> None:
    settings.PUSH_KEY = "6" * 64
    notice = told(waiting(people))
    assert (notice.status, notice.reason) == ("dead", "http_403")
    assert not service.read


def test_what_is_decided_meanwhile_is_not_told(service: PushService, people: People) -> None:
    action = waiting(people)
    filing.follow(action)
    type(action).objects.filter(pk=action.pk).update(status="canceled")
    services.deliver_due()
    assert Notice.objects.get(medium="push").status == "withdrawn"
    assert not service.asked


def test_no_push_service_is_reached_at_a_private_address(
    service: PushService, people: People, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    assert told(waiting(people)).status in {"due", "dead"}
    assert not service.asked


def test_a_browser_is_sealed_and_whoever_sits_there_next_takes_it_over(people: People) -> None:
    first = services.add_browser(by=people.principal(people.may), **GIVEN)
    assert GIVEN["endpoint"] not in str(vars(first))
    again = services.add_browser(by=people.principal(people.may), **GIVEN)
    assert list(Browser.objects.filter(removed_at=None)) == [again]
    other = services.add_browser(by=people.principal(people.second), **GIVEN)
    assert list(Browser.objects.filter(removed_at=None)) == [other]
    records = AuditRecord.objects.filter(action__startswith="notices.browser.")
    assert records.count() == 5
    assert "/v1/one" not in "".join(record.body for record in records)


@pytest.mark.parametrize("change", [{"endpoint": "http://push.example.com/"}, {"auth": "AAAA"}])
def test_what_is_no_subscription_is_refused(people: People, change: dict[str, str]) -> None:
    with pytest.raises(Refused, match="cannot be used"):
        services.add_browser(by=people.principal(people.may), **GIVEN | change)
    assert not Browser.objects.exists()


def test_nobody_has_more_browsers_than_anybody_uses(people: People) -> None:
    for number in range(10):
        given = GIVEN | {"endpoint": f"https://push.example.com/v1/{number}"}
        services.add_browser(by=people.principal(people.may), **given)
    with pytest.raises(Refused, match="remove one first"):
        services.add_browser(by=people.principal(people.may), **GIVEN)


def test_without_a_key_no_browser_is_added(people: People, settings: Any) -> None:
    settings.PUSH_KEY = ""
    with pytest.raises(Refused, match="no key"):
        services.add_browser(by=people.principal(people.may), **GIVEN)
