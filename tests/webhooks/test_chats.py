"""Presses of buttons in Slack and Discord: a member's vote, or a word why not, and nothing else."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action, Approval
from approvals.services import binding
from audit.models import AuditRecord
from gateway.notices import services
from gateway.notices.models import Chat, ChatIdentity, LinkCode, Notice
from gateway.notices.services import filing
from gateway.tenants.models import User
from tests.doubles.discord import CHANNEL
from tests.factories.notices import SIGNING_SECRET, ChatFactory
from tests.gateway.notices.scene import Room, in_discord, in_slack, waiting
from tests.people import People, ready

pytestmark = pytest.mark.django_db
TEAM = "T0001"
DISCORD_KEY = Ed25519PrivateKey.generate()
DISCORD_PUBLIC = DISCORD_KEY.public_key().public_bytes(
    serialization.Encoding.Raw, serialization.PublicFormat.Raw
)
ACCOUNT = {"slack": "U00000ANA", "discord": "600000000000000001"}


@pytest.fixture
def people() -> People:
    return ready()


class Hand:
    """Somebody who presses buttons in a chat, by requests as the chat sends and signs them."""

    def __init__(self, room: Room, account: str = "") -> None:
        self.room, self.chat = room, room.chat
        self.account = account or ACCOUNT[room.chat.kind]
        self.at = f"/chats/{self.chat.kind}/{self.chat.address}"

    def send(self, payload: dict[str, Any], *, age_s: float = 0, **spoilt: Any) -> Any:
        body, headers = self.signed(payload, age_s=age_s)
        kind = headers.pop("Content-Type")
        return Client(headers={**headers, **spoilt.get("headers", {})}).post(
            spoilt.get("at", self.at), spoilt.get("body", body), content_type=kind
        )

    def signed(self, payload: dict[str, Any], *, age_s: float = 0) -> tuple[bytes, dict[str, str]]:
        stamp = str(int(time.time() - age_s))
        if self.chat.kind == "slack":
            body = urlencode({"payload": json.dumps(payload)}).encode()
            content = f"v0:{stamp}:".encode() + body
            proof = hmac.new(SIGNING_SECRET.encode(), content, hashlib.sha256).hexdigest()
            return body, {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={proof}",
            }  # fmt: skip
        body = json.dumps(payload).encode()
        proof = DISCORD_KEY.sign(stamp.encode() + body).hex()
        return body, {
            "Content-Type": "application/json", "X-Signature-Timestamp": stamp,
            "X-Signature-Ed25519": proof,
        }  # fmt: skip

    def button(self, what: str, notice: Notice, **more: Any) -> dict[str, Any]:
        """The request that a press of a button under the message makes."""
        place, message = more.get("place", notice.place), more.get("message", notice.message)
        if self.chat.kind == "slack":
            return {
                "type": "block_actions", "user": {"id": self.account, "username": "ana"},
                "team": {"id": TEAM}, "trigger_id": "1.2.x",
                "container": {"type": "message", "channel_id": place, "message_ts": message},
                "actions": [{"action_id": what, "value": notice.public_id}],
            }  # fmt: skip
        return {
            "type": 3, "id": "1", "token": "interaction", "channel_id": place,
            "member": {"user": {"id": self.account, "username": "ana"}},
            "message": {"id": message, "flags": 4},
            "data": {"component_type": 2, "custom_id": f"{what}:{notice.public_id}"},
        }  # fmt: skip

    def form(self, what: str, notice: str, text: str) -> dict[str, Any]:
        """The request that a sent form makes."""
        if self.chat.kind == "slack":
            values = {what: {"text": {"type": "plain_text_input", "value": text}}}
            view = {"callback_id": what, "private_metadata": notice, "state": {"values": values}}
            return {
                "type": "view_submission", "user": {"id": self.account, "username": "ana"},
                "team": {"id": TEAM}, "view": view,
            }  # fmt: skip
        field = {"type": 1, "components": [{"type": 4, "custom_id": "text", "value": text}]}
        return {
            "type": 5, "id": "1", "token": "interaction", "channel_id": CHANNEL,
            "member": {"user": {"id": self.account, "username": "ana"}},
            "data": {"custom_id": f"{what}:{notice}", "components": [field]},
        }  # fmt: skip

    def heard(self, answer: Any) -> str:
        """What the person is told, by the answer or by a call."""
        if self.chat.kind == "slack":
            told = [text for who, text in self.room.service.told if who == self.account]
            return json.dumps([answer.content.decode(), told, self.room.service.views])
        return str(answer.content.decode())


@pytest.fixture(params=["slack", "discord"])
def hand(request: pytest.FixtureRequest, people: People, settings: Any) -> Iterator[Hand]:
    """The hand of a linked reviewer."""
    opened, secret = (
        (in_slack, SIGNING_SECRET) if request.param == "slack"
        else (in_discord, DISCORD_PUBLIC.hex())
    )  # fmt: skip
    with opened(people, settings, secret=secret) as room:
        workspace = TEAM if request.param == "slack" else ""
        room.link(people.may, people, account=ACCOUNT[request.param], workspace=workspace)
        yield Hand(room)


@pytest.fixture
def told(hand: Hand, people: People) -> Notice:
    return hand.room.tell(waiting(people))


def status(notice: Notice) -> str:
    return str(Action.objects.get(pk=notice.action_id).status)


def refusals(notice: Notice) -> list[str]:
    rows = AuditRecord.objects.filter(target_id=notice.action.public_id, outcome="refused")
    return [row.body_json["reason"] for row in rows.order_by("id")]


def test_a_press_approves_and_the_record_says_from_which_account(
    hand: Hand, told: Notice, people: People
) -> None:
    assert hand.send(hand.button("approve", told)).status_code == 200
    assert status(told) == "approved"
    vote = Approval.objects.get()
    assert (vote.user, vote.digest) == (people.may, told.digest)
    record = AuditRecord.objects.get(action="approvals.action.approved").body_json
    assert record["actor"]["id"] == people.may.public_id
    assert record["actor"]["auth"].startswith(f"{hand.chat.kind}:")
    assert record["actor"]["auth"].endswith(hand.account)


def test_the_message_is_closed_after_the_press(hand: Hand, told: Notice, settle: Any) -> None:
    hand.send(hand.button("approve", told))
    settle()
    assert Notice.objects.get(closes=told).status == "sent"


def test_a_rejection_asks_for_a_reason_which_the_agent_gets(hand: Hand, told: Notice) -> None:
    answer = hand.send(hand.button("reject", told))
    assert "Why?" in hand.heard(answer)
    assert status(told) == "pending"
    hand.send(hand.form("reason", told.public_id, "Too early."))
    action = Action.objects.get(pk=told.action_id)
    assert (action.status, action.reason) == ("rejected", "Too early.")


def test_a_rejection_without_a_reason_is_none(hand: Hand, told: Notice) -> None:
    answer = hand.send(hand.form("reason", told.public_id, "  "))
    assert "Say why" in hand.heard(answer)
    assert status(told) == "pending"


def test_discord_asks_whether_they_are_sure(people: People, settings: Any) -> None:
    with in_discord(people, settings, secret=DISCORD_PUBLIC.hex()) as room:
        room.link(people.may, people, account=ACCOUNT["discord"], workspace="")
        hand, notice = Hand(room), room.tell(waiting(people))
        asked = hand.send(hand.button("ask", notice)).json()
        assert asked["data"]["flags"] & 64
        assert status(notice) == "pending"
        [row] = asked["data"]["components"]
        sure = hand.button("approve", notice, message="only-theirs")
        sure["message"]["flags"] = 68
        sure["data"]["custom_id"] = row["components"][0]["custom_id"]
        hand.send(sure)
        assert status(notice) == "approved"


def test_discord_is_greeted_only_by_its_signature(people: People, settings: Any) -> None:
    with in_discord(people, settings, secret=DISCORD_PUBLIC.hex()) as room:
        hand = Hand(room)
        assert hand.send({"type": 1}).json() == {"type": 1}
        forged = hand.send({"type": 1}, headers={"X-Signature-Ed25519": "00" * 64})
        assert forged.status_code == 401


def proof_of(hand: Hand) -> str:
    return "X-Slack-Signature" if hand.chat.kind == "slack" else "X-Signature-Ed25519"


@pytest.mark.parametrize("attack", ["forged", "missing", "body", "old", "future", "address"])
def test_what_is_not_signed_here_and_now_is_refused(hand: Hand, told: Notice, attack: str) -> None:
    payload = hand.button("approve", told)
    body, _ = hand.signed(payload)
    spoilt: dict[str, dict[str, Any]] = {
        "forged": {"headers": {proof_of(hand): "v0=" + "00" * 32}},
        "missing": {"headers": {proof_of(hand): ""}},
        "body": {"body": body + b" "},
        "old": {"age_s": 600},
        "future": {"age_s": -600},
        "address": {"at": f"/chats/{hand.chat.kind}/{'0' * 40}"},
    }
    answer = hand.send(payload, **spoilt[attack])
    assert (answer.status_code, answer.content) == (401, b'{"error":"invalid_signature"}')
    assert status(told) == "pending"
    assert not Approval.objects.exists()
    assert Chat.objects.get().heard_at is None


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete"])
def test_only_a_post_is_a_press(hand: Hand, told: Notice, method: str) -> None:
    assert getattr(Client(), method)(hand.at).status_code == 405
    assert status(told) == "pending"


def test_pressing_twice_and_a_replayed_request_do_nothing_more(hand: Hand, told: Notice) -> None:
    body, headers = hand.signed(hand.button("approve", told))
    kind = headers.pop("Content-Type")
    for _ in range(3):
        assert Client(headers=headers).post(hand.at, body, content_type=kind).status_code == 200
    assert Approval.objects.count() == 1
    assert AuditRecord.objects.filter(action="approvals.action.approved").count() == 1


def test_two_presses_of_a_quorum_of_two_by_one_person_are_one_vote(
    hand: Hand, people: People
) -> None:
    action = waiting(people)
    Action.objects.filter(pk=action.pk).update(requirement={**action.requirement, "quorum": 2})
    action.refresh_from_db()
    action.digest = binding.digest_of(action)
    Action.objects.filter(pk=action.pk).update(digest=action.digest)
    notice = hand.room.tell(action)
    for _ in range(2):
        hand.send(hand.button("approve", notice))
    assert (status(notice), Approval.objects.count()) == ("pending", 1)


def test_an_account_that_is_not_linked_is_asked_for_a_code(hand: Hand, told: Notice) -> None:
    other = Hand(hand.room, account="U00000EVE" if hand.chat.kind == "slack" else "6" * 18)
    answer = other.send(other.button("approve", told))
    assert "code" in other.heard(answer).lower()
    assert status(told) == "pending"
    assert refusals(told) == ["not_linked"]


def test_the_same_account_of_another_workspace_is_another(people: People, settings: Any) -> None:
    with in_slack(people, settings) as room:
        room.link(people.may, people, account=ACCOUNT["slack"], workspace="T9999")
        hand, notice = Hand(room), room.tell(waiting(people))
        hand.send(hand.button("approve", notice))
        assert (status(notice), refusals(notice)) == ("pending", ["not_linked"])


def relink(hand: Hand, user: User, people: People) -> None:
    ChatIdentity.objects.update(member=people.member(user))


def test_who_may_only_look_decides_nothing(hand: Hand, told: Notice, people: People) -> None:
    relink(hand, people.may_not, people)
    answer = hand.send(hand.button("approve", told))
    assert "do not let you decide" in hand.heard(answer)
    assert (status(told), refusals(told)) == ("pending", ["not_permitted"])


def test_who_owns_the_agent_does_not_approve_it_here_either(
    hand: Hand, told: Notice, people: People
) -> None:
    relink(hand, people.owner, people)
    hand.send(hand.button("approve", told))
    assert status(told) == "pending"
    assert refusals(told)


@pytest.mark.parametrize("loss", ["role", "membership", "account", "link", "chat"])
def test_what_was_taken_away_since_counts_no_longer(
    hand: Hand, told: Notice, people: People, loss: str
) -> None:
    member = people.member(people.may)
    if loss == "role":
        member.roles.all().delete()
    elif loss == "membership":
        type(member).objects.filter(pk=member.pk).update(deactivated_at=timezone.now())
    elif loss == "account":
        User.objects.filter(pk=people.may.pk).update(is_active=False)
    elif loss == "link":
        services.unlink(ChatIdentity.objects.get(), by=people.principal(people.may))
    else:
        Chat.objects.update(is_enabled=False)
    hand.send(hand.button("approve", told))
    assert status(told) == "pending"
    assert not Approval.objects.exists()


def test_who_owes_a_second_factor_sets_it_up_first(hand: Hand, told: Notice, settings: Any) -> None:
    settings.SECOND_FACTOR = "reviewers"
    hand.send(hand.button("approve", told))
    assert (status(told), refusals(told)) == ("pending", ["second_factor_owed"])


@pytest.mark.parametrize("risk", ["high", "critical"])
@pytest.mark.parametrize("what", ["approve", "reject", "reason"])
def test_high_risk_is_refused_though_a_button_is_made_up(
    hand: Hand, people: People, risk: str, what: str
) -> None:
    notice = hand.room.tell(waiting(people, risk=risk))
    made_up = (
        hand.form("reason", notice.public_id, "no") if what == "reason"
        else hand.button(what, notice)
    )  # fmt: skip
    answer = hand.send(made_up)
    assert "on the desk" in hand.heard(answer)
    assert (status(notice), refusals(notice)) == ("pending", ["desk_only"])


@pytest.mark.parametrize("column", [{"digest": "0" * 64}, {"version": 2}])
def test_what_changed_since_the_message_is_refused(
    hand: Hand, told: Notice, column: dict[str, Any]
) -> None:
    Action.objects.filter(pk=told.action_id).update(**column)
    answer = hand.send(hand.button("approve", told))
    assert "changed since" in hand.heard(answer)
    assert (status(told), refusals(told)) == ("pending", ["stale_state"])


def test_a_message_of_another_environment_is_unknown_here(hand: Hand, people: People) -> None:
    elsewhere = ChatFactory(environment=people.elsewhere, kind=hand.chat.kind)
    action = waiting(people)
    notice = hand.room.tell(action)
    Notice.objects.filter(pk=notice.pk).update(environment=people.elsewhere, chat=elsewhere)
    answer = hand.send(hand.button("approve", notice))
    assert "cannot be answered here" in hand.heard(answer)
    assert status(notice) == "pending"


def test_a_button_that_stands_under_another_message_is_unknown(hand: Hand, told: Notice) -> None:
    answer = hand.send(hand.button("approve", told, message="1700000000.999999"))
    assert "cannot be answered here" in hand.heard(answer)
    assert status(told) == "pending"


def test_what_was_decided_elsewhere_is_said(hand: Hand, told: Notice, people: People) -> None:
    action = Action.objects.get(pk=told.action_id)
    approvals.reject(
        action=action, by=people.principal(people.second), digest=action.digest, reason="no"
    )
    answer = hand.send(hand.button("approve", told))
    assert "rejected already" in hand.heard(answer)
    assert status(told) == "rejected"


def test_what_has_expired_is_not_approved(hand: Hand, told: Notice) -> None:
    Action.objects.filter(pk=told.action_id).update(decide_by=timezone.now() - timedelta(seconds=1))
    hand.send(hand.button("approve", told))
    assert status(told) == "pending"
    assert not Approval.objects.exists()


def test_a_code_of_the_desk_links_whoever_enters_it_once(
    hand: Hand, told: Notice, people: People
) -> None:
    _, code = services.make_code(hand.chat, by=people.principal(people.second))
    other = Hand(hand.room, account="U00000RUI" if hand.chat.kind == "slack" else "6" * 18)
    assert "is linked to" in other.heard(other.send(other.form("code", told.public_id, code)))
    assert ChatIdentity.objects.get(account=other.account).member.user == people.second
    third = Hand(hand.room, account="U00000EVE" if hand.chat.kind == "slack" else "7" * 18)
    assert "does not count" in third.heard(third.send(third.form("code", told.public_id, code)))
    assert not ChatIdentity.objects.filter(account=third.account).exists()
    other.send(other.button("approve", told))
    assert status(told) == "approved"


@pytest.mark.parametrize("spoil", ["late", "replaced", "changed", "other_chat"])
def test_a_code_that_does_not_count_links_nobody(
    hand: Hand, told: Notice, people: People, spoil: str
) -> None:
    chat = hand.chat
    if spoil == "other_chat":
        chat = ChatFactory(environment=people.elsewhere, kind=chat.kind)
    by = people.principal(people.second)
    _, code = services.make_code(hand.chat, by=by)
    if spoil == "late":
        LinkCode.objects.update(expires_at=timezone.now())
    elif spoil == "replaced":
        services.make_code(hand.chat, by=by)
    elif spoil == "changed":
        code = ("3" if code[0] != "3" else "4") + code[1:]
    else:
        LinkCode.objects.update(chat=chat)
    other = Hand(hand.room, account="U00000EVE" if hand.chat.kind == "slack" else "7" * 18)
    answer = other.send(other.form("code", told.public_id, code))
    assert "does not count" in other.heard(answer)
    assert not ChatIdentity.objects.filter(account=other.account).exists()


def test_an_account_of_one_member_becomes_nobody_elses(
    hand: Hand, told: Notice, people: People
) -> None:
    _, code = services.make_code(hand.chat, by=people.principal(people.second))
    answer = hand.send(hand.form("code", told.public_id, code))
    assert "linked to another member" in hand.heard(answer)
    assert ChatIdentity.objects.get(unlinked_at=None).member.user == people.may


def test_a_message_to_one_person_is_pressed_by_nobody_else(
    hand: Hand, told: Notice, people: People
) -> None:
    Notice.objects.filter(pk=told.pk).update(member=people.member(people.second))
    hand.send(hand.button("approve", told))
    assert (status(told), refusals(told)) == ("pending", ["not_for_you"])


def test_a_chat_that_does_not_answer_costs_the_press_no_more_than_its_time(
    hand: Hand, told: Notice
) -> None:
    hand.room.service.before = [None]  # drops the connection
    began = time.monotonic()
    assert hand.send(hand.button("reject", told)).status_code == 200
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("body", [b"payload=", b"payload=%5B%5D", b"payload={}", b"\xff"])
def test_a_genuine_request_that_is_no_press_does_nothing(
    people: People, settings: Any, body: bytes
) -> None:
    with in_slack(people, settings) as room:
        stamp = str(int(time.time()))
        content = f"v0:{stamp}:".encode() + body
        proof = hmac.new(SIGNING_SECRET.encode(), content, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={proof}"}
        at = f"/chats/slack/{room.chat.address}"
        kind = "application/x-www-form-urlencoded"
        answer = Client(headers=headers).post(at, body, content_type=kind)
        assert answer.status_code in (200, 400)


def test_an_endless_body_is_refused_unread(hand: Hand) -> None:
    answer = hand.send({"type": "x" * 200_000})
    assert answer.status_code == 401


def test_what_waits_for_nobody_any_more_cannot_be_filed_again(
    hand: Hand, told: Notice, people: People
) -> None:
    hand.send(hand.button("approve", told))
    filing.follow(Action.objects.get(pk=told.action_id))
    assert Notice.objects.filter(occasion="asked", chat=hand.chat).count() == 1
