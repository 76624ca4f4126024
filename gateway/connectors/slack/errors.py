"""What Slack's answers mean: it says `ok: false` under status 200 (pure)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer

# Slack itself says that part of the work may have been done before these.
HALF_DONE = frozenset({"internal_error", "fatal_error"})
PASSING = frozenset(
    {"ratelimited", "rate_limited", "service_unavailable", "message_limit_exceeded"}
)
# A token that rotates: the reason is what has a credential renewed, and the call made once more.
EXPIRED = {"token_expired": "http_401"}
RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
SENTENCES = {
    "account_inactive": "The bot's account or its workspace was deactivated: connect Slack again.",
    "action_prohibited": "The workspace's administrators do not let this webhook post here.",
    "as_user_not_supported": "This kind of token cannot post as a user.",
    "cant_delete_message": "A bot can delete only its own messages; this is not one of them.",
    "cant_update_message": "A bot can change only its own messages; this is not one of them.",
    "channel_is_archived": "The channel is archived: nothing can be posted there.",
    "channel_not_found": "There is no such channel, or the bot cannot see it: invite the bot.",
    "compliance_exports_prevent_deletion": "The workspace keeps its messages; none can be deleted.",
    "duplicate_message_not_found": "Slack found no message for this client id.",
    "edit_window_closed": "The workspace no longer lets this message be changed.",
    "ekm_access_denied": "The workspace's administrators stopped posting.",
    "fatal_error": "Slack failed while it worked on this; part of it may have been done.",
    "internal_error": "Slack failed while it worked on this; part of it may have been done.",
    "invalid_arguments": "Slack refused the message as it is written.",
    "invalid_auth": "Slack does not accept the token: connect Slack again.",
    "invalid_blocks": "Slack refused the blocks as they are written.",
    "invalid_blocks_format": "Slack refused the blocks as they are written.",
    "invalid_payload": "Slack refused the message as it is written.",
    "invalid_token": "The webhook's address is no longer valid: make a new one.",
    "is_archived": "The channel is archived: nothing can be posted there.",
    "message_limit_exceeded": "The workspace has reached its limit of messages.",
    "message_not_found": "There is no such message in this channel.",
    "metadata_must_be_sent_from_app": "Only an app's token may mark a message as ours.",
    "missing_scope": "The token lacks a permission.",
    "msg_blocks_too_long": "The blocks are longer than Slack takes.",
    "msg_too_long": "The message is longer than Slack takes.",
    "no_service": "The webhook was removed: make a new one.",
    "no_service_id": "The webhook's address is not complete.",
    "no_team": "The webhook's workspace does not exist.",
    "no_text": "The message has no text.",
    "not_allowed_token_type": "This kind of token cannot do this: a bot's token is needed.",
    "not_authed": "The call carried no token: the tool needs a connection.",
    "not_in_channel": "The bot is not a member of the channel: invite it.",
    "posting_to_general_channel_denied": "Only some may post to this workspace's general channel.",
    "rate_limited": "Slack asks us to wait.",
    "ratelimited": "Slack asks us to wait.",
    "restricted_action": "The workspace's settings do not let the bot post here.",
    "restricted_action_non_threadable_channel": "This channel takes no replies in threads.",
    "restricted_action_read_only_channel": "This channel can only be read.",
    "restricted_action_thread_locked": "The thread is locked.",
    "restricted_action_thread_only_channel": "This channel takes replies in threads only.",
    "service_unavailable": "Slack is not available at the moment.",
    "team_access_not_granted": "The token has no access to this workspace.",
    "thread_not_found": "There is no thread at this place.",
    "token_expired": "The token has expired: connect Slack again.",
    "token_revoked": "The token was revoked: connect Slack again.",
}


def judged(answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome of a method of Slack's API, whose status alone says little."""
    body = outcome.result if answer.ok else None
    if answer.status == 429:
        return replace(outcome, reason="ratelimited", error=SENTENCES["ratelimited"])
    if not answer.ok:
        return outcome
    if isinstance(body, Mapping) and body.get("ok") is True:
        return outcome
    if isinstance(body, Mapping) and body.get("ok") is False:
        return _refused(body, outcome, answer)
    return _unreadable(outcome)


def judged_webhook(answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome of an incoming webhook, which answers with one word."""
    word = answer.body[:100].decode("utf-8", errors="replace").strip()
    if answer.status == 429:
        return replace(outcome, reason="ratelimited", error=SENTENCES["ratelimited"])
    if answer.ok:
        return replace(outcome, result={"ok": True}) if word == "ok" else _unreadable(outcome)
    if outcome.may_have_happened or word not in SENTENCES:
        return outcome
    return replace(outcome, reason=word, error=SENTENCES[word])


def checked(body: Any, *, missing: frozenset[str] = frozenset()) -> Mapping[str, Any] | None:
    """What a reading method gave, None where it says one of `missing`; raises OutsideError."""
    if isinstance(body, Mapping) and body.get("ok") is True:
        return body
    if isinstance(body, Mapping) and isinstance(body.get("error"), str):
        code = body["error"]
        if code in missing:
            return None
        raise OutsideError(code[:60], code not in PASSING, False, detail=_sentence(body))
    raise OutsideError("bad_answer", True, False, detail="Slack's answer cannot be read.")


def _refused(body: Mapping[str, Any], outcome: Outcome, answer: Answer) -> Outcome:
    code = str(body.get("error") or "error")[:60]
    may_have_happened = code in HALF_DONE
    return replace(
        outcome,
        status=OutcomeStatus.UNKNOWN if may_have_happened else OutcomeStatus.FAILED,
        result=None,
        reason="ratelimited" if code in RATE_LIMITED else EXPIRED.get(code, code),
        error=_sentence(body),
        may_have_happened=may_have_happened,
        retryable=may_have_happened or code in PASSING,
        retry_after=answer.retry_after,
    )


def _unreadable(outcome: Outcome) -> Outcome:
    """A 2xx that is not Slack's: something else answered, and nobody knows what Slack did."""
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="bad_answer",
        error="Slack's answer cannot be read.", may_have_happened=True, retryable=False,
    )  # fmt: skip


def _sentence(body: Mapping[str, Any]) -> str:
    code = str(body.get("error"))[:60]
    text = SENTENCES.get(code, f"Slack refused with {code}.")
    if code == "missing_scope" and isinstance(body.get("needed"), str):
        return f"The token lacks the permission {body['needed'][:80]}: connect Slack again with it."
    extra = body.get("response_metadata")
    said = extra.get("messages") if isinstance(extra, Mapping) else None
    if isinstance(said, list) and said:
        return f"{text} ({str(said[0])[:200]})"
    return text
