"""Slack's own classes read our messages and forms, so their shapes are what Slack takes."""

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from gateway.notices.chats import slack
from gateway.notices.chats.base import Did, Press, Reply, Says, Unreadable
from gateway.notices.wording import Matter

pytestmark = pytest.mark.once
MATTER = Matter(
    effect="Refund 120.00 EUR", risk="medium", tool="refund", agent="shop", place="Acme, Sandbox",
    url="https://desk.example/acme/sandbox/actions/act_1/", affected=("Ana (customer)",), more=2,
    deadline="26 Nov 2026, 09:00 UTC",
)  # fmt: skip
LONG = Matter(
    effect="x" * 5000, risk="low", tool="t" * 200, agent="a", place="p", url="https://d.e"
)


@pytest.mark.parametrize("matter", [MATTER, LONG], ids=["usual", "long"])
@pytest.mark.parametrize("closed", [False, True])
def test_slacks_own_classes_accept_every_block(matter: Matter, closed: bool) -> None:
    body = (
        slack.closed(matter, "Approved by Ana") if closed
        else slack.message(matter, "ntc_1", has_buttons=True, lead="Reminder.")
    )  # fmt: skip
    blocks = Block.parse_all(body["blocks"])
    assert len(blocks) == len(body["blocks"])
    for block, sent in zip(blocks, body["blocks"], strict=True):
        block.validate_json()
        assert block.to_dict()["type"] == sent["type"]


@pytest.mark.parametrize("says", [Says.ASK_REASON, Says.ASK_CODE])
def test_slacks_own_classes_accept_every_form(says: Says) -> None:
    pressed = Press(Did.REJECT, trigger="1.2.x")
    wanted = slack.call_for(Reply(says, "Why is it asked?", "ntc_1"), pressed)
    assert wanted is not None
    view = View(**wanted.body["view"])
    view.validate_json()
    assert view.private_metadata == "ntc_1"


def test_a_wrong_entry_is_said_below_its_field() -> None:
    answer = slack.body_for(Reply(Says.WRONG, "No."), Press(Did.CODE))
    assert answer == {"response_action": "errors", "errors": {"code": "No."}}


@pytest.mark.parametrize(
    "body", [b"", b"payload=", b"payload=[]", b'payload={"a":1,"a":2}', b"\xff\xfe", b"x=1"]
)
def test_what_is_no_press_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        slack.read(body)


def test_the_open_button_of_a_message_asks_for_nothing() -> None:
    body = b'payload={"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"open"}]}'
    assert slack.read(body).did is Did.NOTHING
