"""Messages in Slack and Discord: with buttons where they may decide, and closed once it is over."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action
from gateway.notices import services
from gateway.notices.models import Notice
from gateway.notices.services import filing, posting
from tests.doubles.serving import Said
from tests.doubles.slack import rate_limited
from tests.factories.notices import PreferenceFactory
from tests.gateway.notices.scene import Room, in_discord, in_slack, saying, waiting
from tests.people import People, ready

pytestmark = pytest.mark.django_db
Opened = Callable[..., AbstractContextManager[Room]]


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture(params=[in_slack, in_discord], ids=["slack", "discord"])
def room(request: pytest.FixtureRequest, people: People, settings: Any) -> Iterator[Room]:
    opened: Opened = request.param
    with opened(people, settings) as found:
        yield found


def newest(room: Room) -> dict[str, Any]:
    if room.chat.kind == "slack":
        return dict(room.service.messages[room.chat.room][0])
    return dict(room.service.messages[-1])


def buttons(message: dict[str, Any]) -> list[str]:
    if "blocks" in message:
        rows = [b["elements"] for b in message["blocks"] if b["type"] == "actions"]
        return [button["text"]["text"] for row in rows for button in row]
    return [button["label"] for row in message["components"] for button in row["components"]]


def settle(action: Action) -> None:
    action.refresh_from_db()
    filing.follow(action)
    while services.deliver_due():
        pass


def test_the_room_is_told_with_buttons(room: Room, people: People) -> None:
    notice = room.tell(saying(people, "Ship it"))
    assert notice.status == "sent"
    assert notice.message
    message = newest(room)
    assert "Note: Ship it" in json.dumps(message)
    assert [name.rstrip("…") for name in buttons(message)] == ["Open", "Approve", "Reject"]


@pytest.mark.parametrize("risk", ["high", "critical"])
def test_high_risk_is_only_told(room: Room, people: People, risk: str) -> None:
    room.tell(waiting(people, risk=risk))
    assert buttons(newest(room)) == ["Open"]


@pytest.mark.parametrize("note", ["pay \u202eevil", "pаypal", "x" * 2000])
def test_what_a_chat_cannot_show_faithfully_is_only_told(
    room: Room, people: People, note: str
) -> None:
    room.tell(saying(people, note))
    assert buttons(newest(room)) == ["Open"]


def test_a_fresh_sign_in_is_asked_for_on_the_desk_alone(room: Room, people: People) -> None:
    action = waiting(people)
    Action.objects.filter(pk=action.pk).update(requirement={**action.requirement, "step_up": True})
    room.tell(Action.objects.get(pk=action.pk))
    assert buttons(newest(room)) == ["Open"]


@pytest.mark.parametrize(
    "note", ["<!channel> <https://evil.example|ok>", "@everyone [ok](https://evil.example)", "*b*"]
)
def test_a_text_calls_nobody_and_links_nowhere(room: Room, people: People, note: str) -> None:
    room.tell(saying(people, note))
    message = newest(room)
    shown = json.dumps(message).replace(json.dumps("http://localhost:8000")[1:-1], "")
    assert "https://evil" not in shown
    assert "<!channel>" not in message.get("text", "")
    sent = next(asked.json for asked in room.service.asked if asked.method == "POST")
    if room.chat.kind == "discord":
        assert sent["allowed_mentions"] == {"parse": []}
    else:
        kinds = {block["text"]["type"] for block in sent["blocks"] if "text" in block}
        assert kinds == {"plain_text"}
        assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)


def test_a_decision_on_the_desk_closes_the_message(room: Room, people: People) -> None:
    action = waiting(people)
    room.tell(action)
    approvals.reject(
        action=action, by=people.principal(people.may), digest=action.digest, reason="not now"
    )
    settle(action)
    message = newest(room)
    assert buttons(message) == ["Open"]
    assert f"Rejected by {people.may}" in json.dumps(message)
    closing = Notice.objects.get(occasion="closed")
    assert (closing.status, closing.closes.occasion) == ("sent", "asked")
    settle(action)
    assert Notice.objects.filter(occasion="closed").count() == 1


def test_an_expired_action_closes_its_message(room: Room, people: People) -> None:
    action = waiting(people)
    room.tell(action)
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(pk=action.pk).update(decide_by=past)
    approvals.expire_due()
    settle(action)
    assert "Expired" in json.dumps(newest(room))


def test_an_edit_closes_the_old_message_and_posts_a_new_one(room: Room, people: People) -> None:
    action = waiting(people)
    old = room.tell(action)
    Action.objects.filter(pk=action.pk).update(version=2)
    settle(action)
    assert Notice.objects.get(closes=old).status == "sent"
    assert Notice.objects.filter(chat=room.chat, occasion="asked").count() == 2


def test_what_is_decided_while_the_message_is_on_its_way_is_closed_all_the_same(
    room: Room, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = waiting(people)
    filing.follow(action)
    post = posting.post

    def slow(notice: Any) -> Any:
        Action.objects.filter(pk=action.pk).update(status="canceled")
        return post(notice)

    monkeypatch.setattr(posting, "post", slow)
    while services.deliver_due():
        pass
    assert buttons(newest(room)) == ["Open"]
    assert "Canceled" in json.dumps(newest(room))


def test_a_service_that_is_busy_is_asked_again_when_it_said(people: People, settings: Any) -> None:
    with in_slack(people, settings) as room:
        room.service.before = [rate_limited(30)]
        notice = room.tell(waiting(people))
        assert (notice.status, notice.reason) == ("due", "ratelimited")
        assert notice.due_at > timezone.now() + timedelta(seconds=25)
        # The time passes: also for the door, which holds the account back meanwhile.
        cache.clear()
        Notice.objects.update(due_at=Now())
        services.deliver_due()
        notice.refresh_from_db()
        assert (notice.status, notice.attempts) == ("sent", 2)
        assert len(room.service.messages[room.chat.room]) == 1


def test_a_channel_that_is_not_there_is_given_up_with_a_reason(
    people: People, settings: Any
) -> None:
    with in_slack(people, settings) as room:
        room.service.before = [Said(200, {"ok": False, "error": "channel_not_found"})]
        notice = room.tell(waiting(people))
        assert (notice.status, notice.reason) == ("dead", "channel_not_found")
        assert "invite the bot" in notice.error


def test_discord_takes_a_message_once_though_its_answer_was_lost(
    people: People, settings: Any
) -> None:
    with in_discord(people, settings) as room:
        room.service.after = [None]
        notice = room.tell(waiting(people))
        assert notice.status == "due"
        Notice.objects.update(due_at=Now())
        services.deliver_due()
        assert len(room.service.messages) == 1


def test_a_linked_member_gets_a_message_of_their_own(room: Room, people: People) -> None:
    room.link(people.may, people, account="600000000000000001")
    PreferenceFactory(
        environment=people.environment, member=people.member(people.may),
        media={"medium": [room.chat.kind]},
    )  # fmt: skip
    if room.chat.kind == "slack":
        room.service.add("600000000000000001", "direct", members=2)
    room.tell(waiting(people))
    mine = Notice.objects.get(member__user=people.may)
    assert mine.status == "sent", mine.error


def test_the_token_stands_in_no_row_and_no_message(room: Room, people: People) -> None:
    room.service.before = [Said(401, {"message": "401: Unauthorized", "code": 0})]
    notice = room.tell(waiting(people))
    rows = [repr(row) for row in Notice.objects.values()]
    assert "token-for-tests" not in repr(rows) + notice.error
