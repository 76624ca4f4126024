"""Slack: one message for one action, no call that nobody saw, and its word that it failed."""

import inspect
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from gateway.connectors.base import Affected, ConnectorRequest, OutcomeStatus, Secret
from gateway.connectors.slack.connector import METHODS, SlackConnector
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.tools.render import RenderError
from tests.doubles.serving import Said, serving
from tests.doubles.slack import BOT, HOOK, TOKEN, Slack, rate_limited

SLACK = SlackConnector()
GENERAL = "C00GENERAL"
POST = {"channel": GENERAL, "text": "The build is green."}
Make = Callable[..., ConnectorRequest]


@pytest.fixture
def slack() -> Iterator[Slack]:
    with serving(Slack()) as double:
        # Its clock is the real one, so that a look-up's bound in time means something.
        double.clock = int(time.time())
        yield double


@pytest.fixture
def ask(slack: Slack, attempt: Make) -> Make:
    def make(operation: str, arguments: dict[str, Any], **more: Any) -> ConnectorRequest:
        secret = more.pop("secret", Secret("bearer", TOKEN))
        base = slack.url if operation == "post_webhook" else f"{slack.url}/api"
        config = {"base_url": base, **more.pop("config", {})}
        allow = slack.host_port
        return attempt("slack", operation, config, arguments, allow=allow, secret=secret, **more)

    return make


def key() -> str:
    return ids.encode("act", ids.new_id())


def test_a_message_is_posted_with_the_key_of_its_action(slack: Slack, ask: Make) -> None:
    outcome = SLACK.execute(ask("post_message", POST, key="act_7"))
    assert outcome.status is OutcomeStatus.SUCCEEDED
    message = slack.messages[GENERAL][0]
    assert outcome.result == {"channel": GENERAL, "ts": message["ts"]}
    assert message["text"] == "The build is green."
    assert slack.effects == [("post", "act_7")]


def test_only_the_key_is_added_to_what_was_approved(slack: Slack, ask: Make) -> None:
    request = ask("post_message", POST, key="act_7")
    SLACK.execute(request)
    sent, approved = slack.asked[-1].json, json.loads(request.rendered["body"])
    metadata = sent.pop("metadata")
    assert sent == approved
    assert metadata["event_payload"] == {"key": "act_7"}
    assert request.rendered["key_in"] == "metadata.event_payload.key"
    assert TOKEN not in json.dumps(request.rendered)


def test_a_reply_goes_to_its_thread(slack: Slack, ask: Make) -> None:
    head = slack.says(GENERAL, "Is it green?")
    SLACK.execute(ask("post_message", {**POST, "thread_ts": head["ts"], "reply_broadcast": True}))
    assert slack.messages[GENERAL][0]["thread_ts"] == head["ts"]
    assert slack.asked[-1].json["reply_broadcast"] is True
    with pytest.raises(RenderError, match="only a reply"):
        ask("post_message", {**POST, "reply_broadcast": True})


def test_a_plain_text_calls_nobody_and_links_nowhere(slack: Slack, ask: Make) -> None:
    text = "<!channel> <@U012ABCDEF> <https://evil.example|your bank> & more"
    request = ask("post_message", {**POST, "text": text})
    SLACK.execute(request)
    sent = slack.asked[-1].json
    assert "<" not in sent["text"]
    assert sent["text"].startswith("&lt;!channel&gt;")
    assert sent["text"].endswith("&amp; more")
    assert (sent["mrkdwn"], sent["unfurl_links"], sent["unfurl_media"]) == (False, False, False)
    seen = SLACK.preview(request)
    assert seen is not None
    assert (seen.after["message"]["calls"], seen.after["message"]["links"]) == ([], [])


def test_markup_shows_whom_it_calls_and_what_hides_behind_a_link(ask: Make) -> None:
    text = (
        "Hi <@U012ABCDEF|ana> and <!subteam^S042>, see <https://evil.example|your bank>, "
        "<https://a.example>, <#C00GENERAL|general>"
    )
    seen = SLACK.preview(
        ask("post_message", {**POST, "text": text}, config={"formatting": "mrkdwn"})
    )
    assert seen is not None
    assert seen.after["message"]["calls"] == ["<@U012ABCDEF|ana>", "<!subteam^S042>"]
    assert seen.after["message"]["links"] == ["your bank → https://evil.example"]
    assert seen.affected[1:] == (
        Affected("slack_user", "U012ABCDEF", "ana"),
        Affected("slack_group", "S042"),
    )


@pytest.mark.parametrize("word", ["channel", "here", "everyone", "channel|harmless"])
@pytest.mark.parametrize("place", ["text", "section", "fields", "context"])
def test_everyone_is_called_only_by_a_tool_that_may(ask: Make, word: str, place: str) -> None:
    part = {"type": "mrkdwn", "text": f"Look <!{word}>"}
    blocks = {
        "text": None,
        "section": [{"type": "section", "text": part}],
        "fields": [{"type": "section", "fields": [part]}],
        "context": [{"type": "context", "elements": [part]}],
    }[place]
    arguments = {**POST, "blocks": blocks} if blocks else {**POST, "text": part["text"]}
    with pytest.raises(RenderError, match="may not call"):
        ask("post_message", arguments, config={"formatting": "mrkdwn"})
    allowed = {"formatting": "mrkdwn", "broadcasts": True}
    seen = SLACK.preview(ask("post_message", arguments, config=allowed))
    assert seen is not None
    assert seen.affected[-1].kind == "slack_broadcast"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "actions", "elements": []},
        {"type": "image", "image_url": "https://a.example/x.png"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*x*"}},
        {"type": "section", "accessory": {}, "text": {"type": "plain_text", "text": "x"}},
        {"type": "section"},
        {"type": "section", "fields": "x"},
        {"type": "header", "text": {"type": "plain_text", "text": "x", "emoji": True}},
        {"type": "header", "text": "x"},
        "header",
    ],
)
def test_blocks_only_show_text(ask: Make, block: Any) -> None:
    with pytest.raises(RenderError, match="blocks"):
        ask("post_message", {**POST, "blocks": [block]})
    good = [{"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}]
    assert '"<!channel>"' in ask("post_message", {**POST, "blocks": good}).rendered["body"]


def test_slack_makes_no_mention_of_plain_words_by_itself(slack: Slack, ask: Make) -> None:
    part = {"type": "mrkdwn", "text": "*Ask* #general"}
    blocks = [{"type": "section", "text": part}, {"type": "context", "elements": [part]}]
    message = slack.says(GENERAL, "Green", by=BOT)
    change = {"channel": GENERAL, "ts": message["ts"], "text": "Red", "blocks": blocks}
    for operation, arguments in (
        ("post_message", {**POST, "blocks": blocks}),
        ("update_message", change),
    ):
        request = ask(operation, arguments, config={"formatting": "mrkdwn"})
        assert SLACK.execute(request).status is OutcomeStatus.SUCCEEDED
        sent = slack.asked[-1].json
        assert (sent["parse"], sent["link_names"]) == ("none", False)
        assert sent["blocks"][0]["text"]["verbatim"] is True
        assert sent["blocks"][1]["elements"][0]["verbatim"] is True


def test_a_preview_says_who_reads_the_channel(slack: Slack, ask: Make) -> None:
    slack.add("C00PARTNER", "partners", members=7, is_ext_shared=True)
    seen = SLACK.preview(ask("post_message", {**POST, "channel": "C00PARTNER"}))
    assert seen is not None
    label = "#partners, 7 members, shared with other organisations"
    assert seen.affected == (Affected("slack_channel", "C00PARTNER", label),)
    assert seen.before["channel"]["shared_with_others"] is True
    assert seen.before["message"] is None
    assert seen.after["message"]["text"] == POST["text"]
    assert slack.effects == []


def test_a_channel_nobody_can_see_is_shown_as_such(ask: Make) -> None:
    seen = SLACK.preview(ask("post_message", {**POST, "channel": "C00NOWHERE"}))
    assert seen is not None
    assert (seen.before["channel"], seen.affected[0].label) == (
        None,
        "no channel that the bot can see",
    )


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"is_archived": True}, "is_archived", "archived"),
        ({"is_member": False}, "not_in_channel", "invite"),
    ],
)
def test_a_refusal_under_status_200_is_a_failure_that_says_what_to_do(
    slack: Slack, ask: Make, change: dict[str, Any], reason: str, words: str
) -> None:
    slack.channels[GENERAL] |= change
    outcome = SLACK.execute(ask("post_message", POST))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, reason)
    assert words in outcome.error
    assert (outcome.may_have_happened, outcome.retryable, outcome.result) == (False, False, None)
    assert slack.effects == []


def test_a_wrong_token_is_named(slack: Slack, ask: Make) -> None:
    outcome = SLACK.execute(ask("post_message", POST, secret=Secret("bearer", "xoxb-guessed")))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "invalid_auth")
    with pytest.raises(OutsideError, match="connect Slack again"):
        SLACK.preview(ask("post_message", POST, secret=Secret("bearer", "xoxb-guessed")))


@pytest.mark.parametrize(
    "said",
    [rate_limited(30), Said(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"})],
)
def test_a_rate_limit_is_waited_for(slack: Slack, ask: Make, said: Said) -> None:
    slack.before = [said]
    outcome = SLACK.execute(ask("post_message", POST))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "ratelimited")
    assert (outcome.retryable, outcome.retry_after, outcome.may_have_happened) == (True, 30, False)
    assert slack.effects == []


@pytest.mark.parametrize(
    "spoiled",
    [
        None,
        Said(500, b"oops"),
        Said(200, {"ok": False, "error": "internal_error"}),
        Said(200, b"<html>proxy</html>"),
        Said(200, ["ok"]),
    ],
)
def test_what_may_have_been_posted_is_unknown_until_it_is_looked_up(
    slack: Slack, ask: Make, spoiled: Said | None
) -> None:
    request = ask("post_message", POST, key=key())
    assert SLACK.lookup(request) is None
    slack.after = [spoiled]
    outcome = SLACK.execute(request)
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.UNKNOWN, True)
    found = SLACK.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert found.result["ts"] == slack.messages[GENERAL][0]["ts"]
    assert len(slack.effects) == 1


def test_a_lost_reply_is_found_in_its_thread(slack: Slack, ask: Make) -> None:
    head = slack.says(GENERAL, "Is it green?")
    request = ask("post_message", {**POST, "thread_ts": head["ts"]}, key=key())
    slack.after = [None]
    SLACK.execute(request)
    found = SLACK.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED


def test_a_message_is_found_on_a_later_page(slack: Slack, ask: Make) -> None:
    slack.page = 2
    request = ask("post_message", POST, key=key())
    SLACK.execute(request)
    for number in range(5):
        slack.says(GENERAL, f"Talk {number}")
    found = SLACK.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED


def test_a_channel_too_busy_to_read_leaves_it_unknown(slack: Slack, ask: Make) -> None:
    slack.page = 2
    for number in range(20):
        slack.says(GENERAL, f"Talk {number}")
    found = SLACK.lookup(ask("post_message", POST, key=key()))
    assert found is not None
    assert (found.status, found.reason) == (OutcomeStatus.UNKNOWN, "too_much_to_read")


def test_what_was_said_before_the_action_is_not_read(slack: Slack, ask: Make) -> None:
    slack.clock -= 3600
    for number in range(600):
        slack.says(GENERAL, f"Old talk {number}", metadata={"event_type": "deploy"})
    assert SLACK.lookup(ask("post_message", POST, key=key())) is None


def test_equal_messages_of_two_actions_are_told_apart(slack: Slack, ask: Make) -> None:
    SLACK.execute(ask("post_message", POST, key=key()))
    assert SLACK.lookup(ask("post_message", POST, key=key())) is None


def test_a_message_is_changed_and_shown_as_it_was(slack: Slack, ask: Make) -> None:
    message = slack.says(GENERAL, "Green", by=BOT)
    request = ask("update_message", {"channel": GENERAL, "ts": message["ts"], "text": "Red"})
    seen = SLACK.preview(request)
    assert seen is not None
    assert (seen.before, seen.after["text"]) == ({"text": "Green"}, "Red")
    assert SLACK.execute(request).status is OutcomeStatus.SUCCEEDED
    assert slack.messages[GENERAL][0]["text"] == "Red"


def test_somebody_elses_message_is_not_touched(slack: Slack, ask: Make) -> None:
    message = slack.says(GENERAL, "Mine")
    place = {"channel": GENERAL, "ts": message["ts"]}
    outcomes = [
        SLACK.execute(ask("delete_message", place)),
        SLACK.execute(ask("update_message", {**place, "text": "Yours"})),
    ]
    assert [o.reason for o in outcomes] == ["cant_delete_message", "cant_update_message"]
    assert slack.messages[GENERAL] == [message]


def test_a_deletion_whose_answer_was_lost_is_seen_by_the_gap(slack: Slack, ask: Make) -> None:
    head = slack.says(GENERAL, "Is it green?")
    message = slack.says(GENERAL, "Green", by=BOT, thread_ts=head["ts"])
    request = ask("delete_message", {"channel": GENERAL, "ts": message["ts"]})
    seen = SLACK.preview(request)
    assert seen is not None
    assert (seen.before, seen.after) == ({"text": "Green"}, None)
    assert SLACK.lookup(request) is None
    slack.after = [None]
    assert SLACK.execute(request).status is OutcomeStatus.UNKNOWN
    found = SLACK.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert SLACK.execute(request).reason == "message_not_found"


def test_a_post_is_undone_by_deleting_what_it_posted(slack: Slack, ask: Make) -> None:
    posted = SLACK.execute(ask("post_message", POST))
    undone = SLACK.execute(ask("delete_message", {**POST, "result": posted.result}))
    assert undone.status is OutcomeStatus.SUCCEEDED
    assert slack.messages[GENERAL] == []


def test_a_webhooks_address_is_never_rendered(slack: Slack, ask: Make) -> None:
    secret = Secret("dsn", slack.url + HOOK)
    request = ask("post_webhook", {"text": "Hello"}, secret=secret)
    assert "secret-part" not in json.dumps(request.rendered)
    seen = SLACK.preview(request)
    assert seen is not None
    assert seen.after["message"]["text"] == "Hello"
    outcome = SLACK.execute(request)
    assert (outcome.status, outcome.result) == (OutcomeStatus.SUCCEEDED, {"ok": True})
    assert slack.effects == [("hook", "Hello")]
    assert "secret-part" not in repr(outcome)


@pytest.mark.parametrize(
    "said",
    [
        Said(301, b"", {"Location": f"https://chat.example{HOOK}"}),
        Said(308, b"moved", {"Location": f"/new{HOOK}?a=b"}),
        Said(404, f"<p>There is no {HOOK} here.</p>".encode()),
        Said(404, b"no " + HOOK.replace("/", "\\/").encode()),
        Said(500, b"no hook secret-part of T0001"),
        Said(200, f"posted to {HOOK}".encode()),
    ],
)
def test_a_webhooks_address_that_comes_back_is_kept_nowhere(
    slack: Slack, ask: Make, said: Said
) -> None:
    slack.before = [said]
    hook = Secret("dsn", slack.url + HOOK)
    outcome = SLACK.execute(ask("post_webhook", {"text": "Hello"}, secret=hook))
    assert outcome.response is not None
    assert "secret-part" not in repr(outcome)


def test_a_redirected_webhook_still_says_where_it_was_sent(slack: Slack, ask: Make) -> None:
    slack.before = [Said(301, b"", {"Location": f"https://chat.example{HOOK}"})]
    hook = Secret("dsn", slack.url + HOOK)
    outcome = SLACK.execute(ask("post_webhook", {"text": "Hello"}, secret=hook))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "http_301")
    assert outcome.response is not None
    assert outcome.response.headers["location"] == "https://chat.example[secret]"


def test_a_webhook_posts_only_to_the_service_of_its_tool(ask: Make) -> None:
    for secret in (None, Secret("bearer", TOKEN), Secret("dsn", "https://else.example/services/x")):
        outcome = SLACK.execute(ask("post_webhook", {"text": "Hello"}, secret=secret))
        assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "wrong_connection")


def test_a_webhook_that_is_gone_says_so(slack: Slack, ask: Make) -> None:
    gone = Secret("dsn", f"{slack.url}/services/T1/B1/old")
    outcome = SLACK.execute(ask("post_webhook", {"text": "Hello"}, secret=gone))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "no_service")
    assert "make a new one" in outcome.error


def test_a_webhook_without_a_proper_answer_is_unknown(slack: Slack, ask: Make) -> None:
    for spoiled in (None, Said(200, b"<html>"), Said(500, b"rollup_error")):
        slack.after = [spoiled]
        hook = Secret("dsn", slack.url + HOOK)
        outcome = SLACK.execute(ask("post_webhook", {"text": "Hello"}, secret=hook))
        assert outcome.status is OutcomeStatus.UNKNOWN


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("post_message", {"channel": "general", "text": "x"}),
        ("post_message", {"channel": GENERAL, "text": ""}),
        ("post_message", {"channel": GENERAL, "text": "x" * 4001}),
        ("post_message", {"channel": GENERAL, "text": "bell \x07"}),
        ("post_message", {"channel": GENERAL, "text": "x", "thread_ts": "yesterday"}),
        ("update_message", {"channel": GENERAL, "ts": "1", "text": "x"}),
        ("delete_message", {"channel": GENERAL}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anybody_is_asked(
    operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(RenderError):
        SLACK.render({}, operation, arguments)


@pytest.mark.parametrize(
    "config",
    [{"formatting": "html"}, {"broadcasts": "yes"}, {"base_url": "slack.com"}, {"colour": "red"}],
)
def test_settings_that_mean_nothing_are_refused_when_a_tool_is_saved(config: Any) -> None:
    with pytest.raises(RenderError):
        SLACK.check("post_message", config, {})


def test_the_arguments_are_those_of_slacks_own_package(slack: Slack, ask: Make) -> None:
    """Slack's client knows every name that we send."""
    message = slack.says(GENERAL, "Green", by=BOT)
    place = {"channel": GENERAL, "ts": message["ts"]}
    for operation, arguments in (
        ("post_message", {**POST, "thread_ts": message["ts"], "reply_broadcast": False}),
        ("update_message", {**place, "text": "Red", "blocks": [{"type": "divider"}]}),
        ("delete_message", place),
    ):
        SLACK.preview(ask(operation, arguments))
        SLACK.execute(ask(operation, arguments))
        assert slack.asked[-1].path == f"/api/{METHODS[operation]}"
    SLACK.lookup(ask("post_message", POST))
    for asked in slack.asked:
        method = asked.path.removeprefix("/api/").replace(".", "_")
        known = set(inspect.signature(getattr(WebClient, method)).parameters)
        names = set(asked.json) if asked.body else set(asked.query)
        assert names <= known, method
