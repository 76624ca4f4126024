"""What Discord's refusals mean (pure)."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.messages import Answer
from gateway.lib.strictjson import Ambiguous, parse

# Discord's number: our stable code, and a sentence that says what to do.
REFUSALS = {
    10003: ("unknown_channel", "There is no such channel, or the bot cannot see it."),
    10008: ("unknown_message", "There is no such message in this channel."),
    10015: ("unknown_webhook", "The webhook was removed: make a new one."),
    20028: ("channel_rate_limit", "The channel has reached its limit of messages."),
    30046: ("too_many_edits", "An old message was changed too often: wait before the next change."),
    40001: ("unauthorized", "Discord does not accept the token: connect Discord again."),
    40002: ("verify_account", "The bot's owner has to verify the account first."),
    40005: ("too_large", "The message is larger than Discord takes."),
    40062: ("resource_rate_limited", "Discord limits how often this may be used: wait."),
    50001: ("missing_access", "The bot has no access to the channel: invite it there."),
    50005: ("not_own_message", "A bot can change only its own messages."),
    50006: ("empty_message", "The message is empty."),
    50007: ("cannot_message_user", "The person takes no direct messages from this bot."),
    50008: ("not_a_text_channel", "Messages cannot be sent to a channel of this kind."),
    50013: ("missing_permissions", "The bot lacks a permission in the channel."),
    50021: ("system_message", "A system message can be neither changed nor deleted."),
    50024: ("wrong_channel_type", "This cannot be done in a channel of this kind."),
    50027: ("invalid_webhook_token", "The webhook's address is no longer valid: make a new one."),
    50035: ("invalid_form_body", "Discord refused the message as it is written."),
    50083: ("thread_archived", "The thread is archived."),
    160005: ("thread_locked", "The thread is locked."),
    200000: ("blocked_by_automod", "The server's automatic moderation blocked the message."),
    200001: ("title_blocked", "The server's automatic moderation blocked the message."),
    240000: ("harmful_links", "Discord found harmful links in the message and blocked it."),
}


def judged(answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome in Discord's words; how long a rate limit lasts stands in its body."""
    body = outcome.result if answer.ok else _error_of(answer)
    if answer.ok:
        is_message = isinstance(body, Mapping) and isinstance(body.get("id"), str)
        return outcome if is_message or answer.status == 204 else _unreadable(outcome)
    if answer.status == 429:
        return _limited(answer, body, outcome)
    if answer.status == 401:
        # The reason stays: it is what has a credential renewed.
        return replace(outcome, error=REFUSALS[40001][1])
    if outcome.may_have_happened or not body:
        return outcome
    code = body.get("code")
    reason, sentence = REFUSALS.get(
        code if isinstance(code, int) else 0, (outcome.reason, f"Discord refused with code {code}.")
    )
    said = body.get("message")
    extra = f" (Discord: {said[:200]})" if isinstance(said, str) and said else ""
    return replace(outcome, reason=reason, error=sentence + extra)


def _limited(answer: Answer, body: Mapping[str, object], outcome: Outcome) -> Outcome:
    told = body.get("retry_after")
    waits = [float(told)] if isinstance(told, int | float) and not isinstance(told, bool) else []
    if answer.retry_after is not None:
        waits.append(answer.retry_after)
    scope = "the whole bot" if body.get("global") else "this call"
    return replace(
        outcome, reason="rate_limited", error=f"Discord's rate limit for {scope} is reached.",
        retry_after=max(waits, default=None),
    )  # fmt: skip


def _error_of(answer: Answer) -> Mapping[str, object]:

    try:
        body = parse(answer.body)
    except Ambiguous:
        return {}
    return body if isinstance(body, Mapping) else {}


def _unreadable(outcome: Outcome) -> Outcome:
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="bad_answer",
        error="Discord's answer cannot be read.", may_have_happened=True, retryable=False,
    )  # fmt: skip
