"""What services tell in passing, read, kept once and shown."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.http import health
from gateway.http.client import Client
from gateway.http.guard import Guard
from gateway.http.limits import Account
from gateway.http.messages import Answer, Request
from gateway.http.notices import NoticeKind, notices
from gateway.http.turnstile import Turnstile

Respond = Callable[..., Any]
DAY = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
HTTP_DATE = "Wed, 30 Jun 2027 23:59:59 GMT"


@pytest.mark.parametrize(
    ("headers", "kind", "at"),
    [
        ({"deprecation": f"@{int(DAY.timestamp())}"}, NoticeKind.DEPRECATION, DAY),
        ({"deprecation": HTTP_DATE}, NoticeKind.DEPRECATION, DAY),
        ({"deprecation": "true"}, NoticeKind.DEPRECATION, None),
        ({"deprecation": "@" + "9" * 30}, NoticeKind.DEPRECATION, None),
        ({"deprecation": "\x1b[31m" * 500}, NoticeKind.DEPRECATION, None),
        ({"sunset": HTTP_DATE}, NoticeKind.SUNSET, DAY),
        ({"sunset": "soon"}, NoticeKind.SUNSET, None),
    ],
)
def test_deprecation_and_sunset_are_read_in_their_forms(
    headers: dict[str, str], kind: NoticeKind, at: datetime | None
) -> None:
    [found] = notices("GET", {}, Answer(200, headers))
    assert (found.kind, found.at, found.method) == (kind, at, "GET")
    assert len(found.value) <= 200


def test_the_page_about_it_is_kept() -> None:
    answer = Answer(
        200,
        {
            "deprecation": "true",
            "sunset": HTTP_DATE,
            "link": '<https://d.example/>; rel="deprecation", <https://s.example/>; rel="sunset"',
        },
    )
    found = notices("GET", {}, answer)
    assert [one.link for one in found] == ["https://d.example/", "https://s.example/"]


@pytest.mark.parametrize(
    ("answered", "is_told"),
    [
        ({"x-api-version": "2026-10"}, False),
        ({"x-api-version": "2026-07"}, True),
        ({"x-api-version-selected": "2026-07"}, True),
        ({}, False),
    ],
)
def test_another_version_than_the_pinned_one_is_noticed(
    answered: dict[str, str], is_told: bool
) -> None:
    found = notices("GET", {"X-Api-Version": "2026-10"}, Answer(200, answered))
    assert [one.kind for one in found] == [NoticeKind.OTHER_VERSION] * is_told
    if is_told:
        assert found[0].value == "x-api-version: asked for 2026-10, answered with 2026-07"


def test_a_notice_is_logged_once_and_kept_without_the_path(
    peer: Any, answering: Respond, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account("con_1")
    door = Client(guard=Guard.of([peer.host_port]), turnstile=Turnstile(account))
    peer.scripts = [answering(200, f"Sunset: {HTTP_DATE}")]
    for number in range(3):
        door.send(Request("GET", f"{peer.url}/hooks/secret-{number}"))
    [told] = health.notices(account)
    assert (told.host, told.notice.kind, told.notice.at) == (peer.host_port, NoticeKind.SUNSET, DAY)
    assert "secret" not in str(told)
    assert health.notices(Account("con_2")) == []
    assert caplog.text.count("service_notice") == 1


def test_a_service_that_tells_something_new_each_time_fills_nothing(
    peer: Any, answering: Respond
) -> None:
    account = Account("con_1")
    door = Client(guard=Guard.of([peer.host_port]), turnstile=Turnstile(account))
    peer.scripts = [answering(200, f"Deprecation: because of {number}") for number in range(30)]
    for _ in range(30):
        door.send(Request("GET", peer.url))
    told = health.notices(account)
    assert len(told) == 20
    assert "because of 29" in {one.notice.value for one in told}
