"""Discord: nobody is notified unseen, and a lost answer is not guessed at."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.connectors.base import Affected, ConnectorRequest, OutcomeStatus, Secret
from gateway.connectors.discord.connector import DiscordConnector
from gateway.connectors.discord.writing import escaped
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.tools.render import RenderError
from tests.doubles.discord import BOT, CHANNEL, HOOK, TOKEN, Discord, rate_limited
from tests.doubles.serving import Said, serving
from tests.vendor.node import Node

DISCORD = DiscordConnector()
HELLO = {"channel_id": CHANNEL, "content": "The build is green."}
ANA, OPS = "600000000000000001", "500000000000000005"
Make = Callable[..., ConnectorRequest]


@pytest.fixture
def discord() -> Iterator[Discord]:
    with serving(Discord()) as double:
        # Its clock is the real one, so that a look-up's bound in time means something.
        double.now_ms = int(time.time() * 1000)
        yield double


@pytest.fixture
def ask(discord: Discord, attempt: Make) -> Make:
    def make(operation: str, arguments: dict[str, Any], **more: Any) -> ConnectorRequest:
        secret = more.pop("secret", Secret("bearer", TOKEN))
        version = "" if operation == "execute_webhook" else "/v10"
        config = {"base_url": f"{discord.url}/api{version}", **more.pop("config", {})}
        allow = discord.host_port
        return attempt("discord", operation, config, arguments, allow=allow, secret=secret, **more)

    return make


def key() -> str:
    return ids.encode("act", ids.new_id())


def test_a_message_is_sent_with_the_nonce_of_its_action(discord: Discord, ask: Make) -> None:
    request = ask("create_message", HELLO)
    outcome = DISCORD.execute(request)
    (message,) = discord.messages
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result == {"channel_id": CHANNEL, "message_id": message["id"]}
    sent, approved = discord.asked[-1].json, json.loads(request.rendered["body"])
    assert (len(sent.pop("nonce")), sent.pop("enforce_nonce")) == (25, True)
    assert sent == approved
    assert TOKEN not in json.dumps(request.rendered)


def test_a_bots_token_goes_only_to_its_hosts(discord: Discord, ask: Make) -> None:
    secret = Secret("bearer", TOKEN, hosts=("discord.com",))
    outcome = DISCORD.execute(ask("create_message", HELLO, secret=secret))
    assert (outcome.reason, outcome.may_have_happened) == ("host_refused", False)
    assert discord.asked == []


def test_repeated_within_minutes_it_is_one_message(discord: Discord, ask: Make) -> None:
    outcomes = [DISCORD.execute(ask("create_message", HELLO)) for _ in range(3)]
    assert len({outcome.result["message_id"] for outcome in outcomes}) == 1
    assert len(discord.messages) == 1
    discord.forgets_nonces()
    DISCORD.execute(ask("create_message", HELLO))
    assert len(discord.messages) == 2, "that is why creating is unsafe to repeat"


def test_nobody_is_notified_by_default(discord: Discord, ask: Make) -> None:
    text = f"@everyone <@{ANA}> <@&{OPS}> look"
    for config in ({}, {"formatting": "markdown"}, {"mentions": ["users", "roles", "everyone"]}):
        request = ask("create_message", {**HELLO, "content": text}, config=config)
        seen = DISCORD.preview(request)
        assert seen is not None
        assert seen.after["message"]["notifies"] == []
        DISCORD.execute(request)
        message = discord.messages[-1]
        assert (message["mentions"], message["mention_roles"]) == ([], [])
        assert message["mention_everyone"] is False


def test_whom_a_message_notifies_is_shown_and_is_so(discord: Discord, ask: Make) -> None:
    text = f"@here <@{ANA}> <@&{OPS}> look"
    may = {"formatting": "markdown", "mentions": ["users", "roles", "everyone"]}
    arguments = {**HELLO, "content": text, "mentions": ["users", "everyone"]}
    request = ask("create_message", arguments, config=may)
    seen = DISCORD.preview(request)
    assert seen is not None
    assert seen.affected[1:] == (
        Affected("discord_all", "here", "Everyone online in the channel"),
        Affected("discord_user", ANA),
    )
    DISCORD.execute(request)
    (message,) = discord.messages
    assert ([user["id"] for user in message["mentions"]], message["mention_roles"]) == ([ANA], [])
    assert message["mention_everyone"] is True


def test_a_call_cannot_notify_more_than_its_tool_may(ask: Make) -> None:
    with pytest.raises(RenderError, match="may not notify everyone"):
        ask("create_message", {**HELLO, "mentions": ["everyone"]}, config={"mentions": ["users"]})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain text, nothing else.", "Plain text, nothing else."),
        ("[your bank](https://evil.example)", r"\[your bank\](https://evil.example)"),
        ("**bold** `code` ||spoiler||", r"\*\*bold\*\* \`code\` \|\|spoiler\|\|"),
        ("# Title\n> quote\n- item\n1. one", "\\# Title\n\\> quote\n\\- item\n1\\. one"),
        ("see https://a.example/x_y_z now", "see https://a.example/x_y_z now"),
        (r"back\slash", r"back\\slash"),
        ("<t:0:R>", r"\<t:0:R>"),
    ],
)
def test_a_plain_text_is_shown_letter_for_letter(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_link_behind_other_words_is_shown(discord: Discord, ask: Make) -> None:
    text = "See [your bank](https://evil.example) and [https://a.example](https://a.example)"
    for formatting, links in (
        ("markdown", ["your bank → https://evil.example"]),
        ("plain", []),
    ):
        request = ask(
            "create_message", {**HELLO, "content": text}, config={"formatting": formatting}
        )
        seen = DISCORD.preview(request)
        assert seen is not None
        assert seen.after["message"]["links"] == links
    # And what it links to is not fetched and shown beside it.
    assert json.loads(request.rendered["body"])["flags"] == 4


def test_a_preview_says_who_can_read_the_channel(discord: Discord, ask: Make) -> None:
    seen = DISCORD.preview(ask("create_message", HELLO))
    assert seen is not None
    label = "#alerts, server Acme, 1200 members"
    assert seen.affected == (Affected("discord_channel", CHANNEL, label),)
    assert seen.before == {
        "channel": {"name": "alerts", "server": "Acme", "members": 1200},
        "message": None,
    }
    nowhere = DISCORD.preview(ask("create_message", {**HELLO, "channel_id": "1" * 18}))
    assert nowhere is not None
    assert nowhere.affected[0].label == "no channel that the bot can see"
    assert discord.effects == []


def test_a_reply_names_what_it_answers(discord: Discord, ask: Make) -> None:
    head = discord.says("Is it green?")
    request = ask("create_message", {**HELLO, "reply_to": head["id"]})
    assert DISCORD.execute(request).status is OutcomeStatus.SUCCEEDED
    reference = {"message_id": head["id"], "fail_if_not_exists": True}
    assert discord.asked[-1].json["message_reference"] == reference
    assert discord.asked[-1].json["allowed_mentions"]["replied_user"] is False


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (rate_limited(0.65), 1.0),
        (rate_limited(64.57, whole_bot=True), 65.0),
        (Said(429, b"<html>", {"Retry-After": "9"}), 9.0),
        (Said(429, {"message": "Slowmode", "code": 20016, "retry_after": 12.5}), 12.5),
    ],
)
def test_a_rate_limit_is_waited_for(discord: Discord, ask: Make, said: Said, wait: float) -> None:
    discord.before = [said]
    outcome = DISCORD.execute(ask("create_message", HELLO))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "rate_limited")
    assert (outcome.retryable, outcome.retry_after, outcome.may_have_happened) == (
        True,
        wait,
        False,
    )
    assert discord.effects == []


def test_refusals_say_what_to_do(discord: Discord, ask: Make) -> None:
    discord.may_send = False
    outcome = DISCORD.execute(ask("create_message", HELLO))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "missing_permissions")
    assert "lacks a permission" in outcome.error
    wrong = ask("create_message", HELLO, secret=Secret("bearer", "guessed"))
    assert DISCORD.execute(wrong).reason == "http_401"
    with pytest.raises(OutsideError, match="401"):
        DISCORD.preview(wrong)
    theirs = discord.says("Mine")
    place = {"channel_id": CHANNEL, "message_id": theirs["id"], "content": "Yours"}
    assert DISCORD.execute(ask("edit_message", place)).reason == "not_own_message"
    assert discord.effects == []


@pytest.mark.parametrize("spoiled", [None, Said(502, b"bad gateway"), Said(200, b"<html>")])
@pytest.mark.parametrize("shows_nonce", [True, False])
def test_a_lost_answer_is_looked_up(
    discord: Discord, ask: Make, spoiled: Said | None, shows_nonce: bool
) -> None:
    discord.shows_nonce = shows_nonce
    request = ask("create_message", HELLO, key=key())
    assert DISCORD.lookup(request) is None
    discord.after = [spoiled]
    outcome = DISCORD.execute(request)
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.UNKNOWN, True)
    found = DISCORD.lookup(request)
    assert found is not None
    (message,) = discord.messages
    assert found.result == {"channel_id": CHANNEL, "message_id": message["id"]}
    if shows_nonce:
        assert found.status is OutcomeStatus.SUCCEEDED
    else:
        assert (found.status, found.reason) == (OutcomeStatus.UNKNOWN, "same_text_found")


def test_what_others_say_proves_nothing(discord: Discord, ask: Make) -> None:
    request = ask("create_message", HELLO, key=key())
    discord.says(HELLO["content"])
    assert DISCORD.lookup(request) is None


def test_a_look_up_reads_pages_but_not_without_end(discord: Discord, ask: Make) -> None:
    request = ask("create_message", HELLO, key=key())
    for number in range(150):
        discord.says(f"Talk {number}")
    discord.shows_nonce = True
    DISCORD.execute(request)
    found = DISCORD.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    for number in range(600):
        discord.says(f"More talk {number}")
    found = DISCORD.lookup(ask("create_message", {**HELLO, "content": "Red"}, key=key()))
    assert found is not None
    assert (found.status, found.reason) == (OutcomeStatus.UNKNOWN, "too_much_to_read")


def test_a_message_is_changed_and_shown_as_it_was(discord: Discord, ask: Make) -> None:
    message = discord.says("Green", by=BOT)
    place = {"channel_id": CHANNEL, "message_id": message["id"]}
    request = ask("edit_message", {**place, "content": "Red"})
    seen = DISCORD.preview(request)
    assert seen is not None
    assert seen.before == {"content": "Green", "author": "deploy-bot"}
    assert seen.after["content"] == "Red"
    assert DISCORD.execute(request).status is OutcomeStatus.SUCCEEDED
    assert message["content"] == "Red"


def test_a_deletion_whose_answer_was_lost_is_seen_by_the_gap(discord: Discord, ask: Make) -> None:
    message = discord.says("Green", by=BOT)
    request = ask("delete_message", {"channel_id": CHANNEL, "message_id": message["id"]})
    seen = DISCORD.preview(request)
    assert seen is not None
    assert (seen.before["content"], seen.after) == ("Green", None)
    assert DISCORD.lookup(request) is None
    discord.after = [None]
    assert DISCORD.execute(request).status is OutcomeStatus.UNKNOWN
    found = DISCORD.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert DISCORD.execute(request).reason == "unknown_message"
    assert discord.effects == [("delete", message["id"])]


def test_a_sent_message_is_undone_by_deleting_it(discord: Discord, ask: Make) -> None:
    sent = DISCORD.execute(ask("create_message", HELLO))
    undone = DISCORD.execute(ask("delete_message", {**HELLO, "result": sent.result}))
    assert undone.status is OutcomeStatus.SUCCEEDED
    assert discord.messages == []


def test_a_webhook_waits_for_its_message_and_keeps_its_address(discord: Discord, ask: Make) -> None:
    hook = Secret("dsn", discord.url + HOOK)
    request = ask("execute_webhook", {"content": "Hello"}, secret=hook)
    assert "secret-part" not in json.dumps(request.rendered)
    outcome = DISCORD.execute(request)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result["message_id"] == discord.messages[0]["id"]
    for wrong in (None, Secret("dsn", "https://else.example/api/webhooks/1/x")):
        refused = DISCORD.execute(ask("execute_webhook", {"content": "Hello"}, secret=wrong))
        assert refused.reason == "wrong_connection"
    gone = Secret("dsn", f"{discord.url}/api/webhooks/1/x")
    refused = DISCORD.execute(ask("execute_webhook", {"content": "Hello"}, secret=gone))
    assert refused.reason == "unknown_webhook"
    assert len(discord.effects) == 1


def test_a_webhooks_address_is_not_quoted_from_an_answer(discord: Discord, ask: Make) -> None:
    words = {"code": 10015, "message": f"no webhook at {HOOK}, nor any secret-part"}
    discord.before = [Said(404, words)]
    hook = Secret("dsn", discord.url + HOOK)
    outcome = DISCORD.execute(ask("execute_webhook", {"content": "Hello"}, secret=hook))
    assert "no webhook at [secret], nor any [secret]" in outcome.error
    assert "secret-part" not in repr(outcome)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_message", {"channel_id": "../users/@me", "content": "x"}),
        ("create_message", {"channel_id": CHANNEL, "content": ""}),
        ("create_message", {"channel_id": CHANNEL, "content": "*" * 1500}),
        ("create_message", {"channel_id": CHANNEL, "content": "x", "mentions": "users"}),
        ("create_message", {"channel_id": CHANNEL, "content": "x", "reply_to": "x"}),
        ("edit_message", {"channel_id": CHANNEL, "content": "x"}),
        ("delete_message", {"channel_id": CHANNEL, "message_id": 5}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anybody_is_asked(
    operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(RenderError):
        DISCORD.render({}, operation, arguments)


@pytest.mark.parametrize(
    "config",
    [{"formatting": "html"}, {"mentions": ["all"]}, {"base_url": "discord.com"}, {"x": 1}],
)
def test_settings_that_mean_nothing_are_refused_when_a_tool_is_saved(config: Any) -> None:
    with pytest.raises(RenderError):
        DISCORD.check("create_message", config, {})


def test_requests_and_the_doubles_answers_are_as_discord_describes_them(
    discord: Discord, ask: Make, node: Node
) -> None:
    """Both sides are held against Discord's OpenAPI document, so neither flatters the other."""
    message = discord.says("Green", by=BOT)
    place = {"channel_id": CHANNEL, "message_id": message["id"]}
    hook = Secret("dsn", discord.url + HOOK)
    reply = {**HELLO, "reply_to": message["id"]}
    for operation, arguments, shape, more in (
        ("create_message", reply, "MessageCreateRequest", {}),
        ("edit_message", {**place, "content": "Red"}, "MessageEditRequestPartial", {}),
        ("execute_webhook", {"content": "x"}, "IncomingWebhookRequestPartial", {"secret": hook}),
    ):
        outcome = DISCORD.execute(ask(operation, arguments, **more))
        assert outcome.status is OutcomeStatus.SUCCEEDED
        body = discord.asked[-1].json
        assert node.ask("discord", shape=shape, value=body) == [], operation
    DISCORD.lookup(ask("create_message", HELLO))
    DISCORD.preview(ask("create_message", HELLO))
    DISCORD.execute(ask("delete_message", place))
    for message in discord.messages:
        assert node.ask("discord", shape="MessageResponse", value=message) == []
    paths = node.ask("discord_paths")
    for asked in discord.asked:
        path = asked.path.removeprefix("/api").removeprefix("/v10")
        forms = [
            re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(p)) for p in paths[asked.method.lower()]
        ]
        assert any(re.fullmatch(form, path) for form in forms), f"{asked.method} {path}"


def test_the_description_would_notice_a_wrong_request(node: Node) -> None:
    wrong = {"content": 5, "contents": "x"}
    assert node.ask("discord", shape="MessageCreateRequest", value=wrong) != []
    assert node.ask("discord", shape="MessageCreateRequest", value={"contents": "x"}) != []
