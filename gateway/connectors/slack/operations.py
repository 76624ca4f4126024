"""What the Slack connector can do, as data (pure)."""

from gateway.connectors.base import Operation
from gateway.connectors.operations import by_name
from gateway.connectors.slack.writing import BLOCKS, MAX_TEXT
from gateway.http.messages import RetryClass

CHANNEL = r"[CDG][A-Z0-9]{8,20}"
TS = r"[0-9]{10}\.[0-9]{6}"
PROOF = (
    "argument names: `slack_sdk` 3.48; answers and error codes: Slack's description, from memory; "
    "`tests/gateway/connectors/test_slack.py` over real HTTP"
)
_CHANNEL = {"type": "string", "pattern": f"^{CHANNEL}$", "description": "The channel's id."}
_TS = {"type": "string", "pattern": f"^{TS}$", "description": "The message's `ts`."}
_TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
_SENT = {
    "type": "object",
    "required": ["channel", "ts"],
    "properties": {"channel": {"type": "string"}, "ts": {"type": "string"}},
}
_AFFECTED = "['slack_channel:' + args.channel]"

POST, UPDATE, DELETE, WEBHOOK = "post_message", "update_message", "delete_message", "post_webhook"

OPERATIONS = by_name(
    Operation(
        POST,
        "Post a message, or a reply in a thread",
        side_effect="write",
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel", "text"],
            "properties": {
                "channel": _CHANNEL,
                "text": _TEXT,
                "blocks": BLOCKS,
                "thread_ts": {**_TS, "description": "Reply in the thread of this message."},
                "reply_broadcast": {
                    "type": "boolean",
                    "description": "Show the reply in the channel as well.",
                },
            },
        },
        output_schema=_SENT,
        effect="Post to Slack channel {{ channel }} (thread {{ thread_ts }}): {{ text }}",
        affected=_AFFECTED,
        # A channel that other organisations joined since the approval is another audience.
        material=("channel.name", "channel.shared_with_others", "channel.archived"),
        has_preview=True,
        has_lookup=True,
        undo=DELETE,
        documentation="https://docs.slack.dev/reference/methods/chat.postMessage",
        proof=PROOF,
    ),
    Operation(
        UPDATE,
        "Change one of the bot's messages",
        side_effect="write",
        retry_class=RetryClass.IDEMPOTENT,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel", "ts", "text"],
            "properties": {"channel": _CHANNEL, "ts": _TS, "text": _TEXT, "blocks": BLOCKS},
        },
        output_schema=_SENT,
        effect="Change Slack message {{ ts }} in channel {{ channel }} to: {{ text }}",
        affected="['slack_message:' + args.channel + '/' + args.ts]",
        material=("text",),
        has_preview=True,
        takes_key=False,
        documentation="https://docs.slack.dev/reference/methods/chat.update",
        proof=PROOF,
    ),
    Operation(
        DELETE,
        "Delete one of the bot's messages",
        side_effect="destructive",
        # After a lost answer a repeat is told "message_not_found": look whether it is gone.
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel", "ts"],
            "properties": {"channel": _CHANNEL, "ts": _TS},
        },
        output_schema=_SENT,
        effect="Delete Slack message {{ ts }} in channel {{ channel }}",
        affected="['slack_message:' + args.channel + '/' + args.ts]",
        material=("text",),
        has_preview=True,
        has_lookup=True,
        documentation="https://docs.slack.dev/reference/methods/chat.delete",
        proof=PROOF,
    ),
    Operation(
        WEBHOOK,
        "Post through an incoming webhook",
        side_effect="write",
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["text"],
            "properties": {"text": _TEXT, "blocks": BLOCKS},
        },
        effect="Post to the Slack channel of the webhook: {{ text }}",
        has_preview=True,
        documentation="https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
        proof=PROOF,
    ),
)
