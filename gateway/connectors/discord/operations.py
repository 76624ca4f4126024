"""What the Discord connector can do, as data (pure)."""

from gateway.connectors.base import Operation
from gateway.connectors.operations import by_name
from gateway.http.messages import RetryClass

SNOWFLAKE = r"[0-9]{15,20}"
MAX_CONTENT = 2000
MENTIONS = ("everyone", "roles", "users")
PROOF = (
    "requests and answers: Discord's OpenAPI document in npm's `discord-api-spec` 10.0.266135; "
    "error codes: Discord's description, from memory; "
    "`tests/gateway/connectors/test_discord.py` over real HTTP"
)
_ID = {"type": "string", "pattern": f"^{SNOWFLAKE}$"}
_CONTENT = {"type": "string", "minLength": 1, "maxLength": MAX_CONTENT}
_MENTIONS = {
    "type": "array",
    "items": {"enum": list(MENTIONS)},
    "uniqueItems": True,
    "maxItems": len(MENTIONS),
    "description": "Who may be notified by what the text mentions; nobody without it.",
}
_SENT = {
    "type": "object",
    "required": ["channel_id", "message_id"],
    "properties": {"channel_id": {"type": "string"}, "message_id": {"type": "string"}},
}
_MESSAGE = "['discord_message:' + args.channel_id + '/' + args.message_id]"

CREATE, EDIT, DELETE = "create_message", "edit_message", "delete_message"
WEBHOOK = "execute_webhook"

OPERATIONS = by_name(
    Operation(
        CREATE,
        "Send a message",
        side_effect="write",
        # Discord remembers a nonce for minutes only, so a late repeat could be a second message.
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel_id", "content"],
            "properties": {
                "channel_id": _ID,
                "content": _CONTENT,
                "mentions": _MENTIONS,
                "reply_to": {**_ID, "description": "The message that this one answers."},
            },
        },
        output_schema=_SENT,
        effect="Send to Discord channel {{ channel_id }}, notifying {{ mentions }}: {{ content }}",
        affected="['discord_channel:' + args.channel_id]",
        material=("channel.name", "channel.server"),
        has_preview=True,
        has_lookup=True,
        undo=DELETE,
        documentation="https://docs.discord.com/developers/resources/message#create-message",
        proof=PROOF,
    ),
    Operation(
        EDIT,
        "Change one of the bot's messages",
        side_effect="write",
        retry_class=RetryClass.IDEMPOTENT,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel_id", "message_id", "content"],
            "properties": {
                "channel_id": _ID, "message_id": _ID, "content": _CONTENT, "mentions": _MENTIONS,
            },
        },
        output_schema=_SENT,
        effect="Change Discord message {{ message_id }} in channel {{ channel_id }}, "
        "notifying {{ mentions }}, to: {{ content }}",
        affected=_MESSAGE,
        material=("content",),
        has_preview=True,
        takes_key=False,
        documentation="https://docs.discord.com/developers/resources/message#edit-message",
        proof=PROOF,
    ),
    Operation(
        DELETE,
        "Delete a message",
        # With the permission to manage messages a bot can delete those of others, too.
        side_effect="destructive",
        # After a lost answer a repeat is told "Unknown Message": look whether it is gone.
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["channel_id", "message_id"],
            "properties": {"channel_id": _ID, "message_id": _ID},
        },
        output_schema=_SENT,
        effect="Delete Discord message {{ message_id }} in channel {{ channel_id }}",
        affected=_MESSAGE,
        material=("content", "author"),
        has_preview=True,
        has_lookup=True,
        documentation="https://docs.discord.com/developers/resources/message#delete-message",
        proof=PROOF,
    ),
    Operation(
        WEBHOOK,
        "Send through an incoming webhook",
        side_effect="write",
        # Webhooks take no nonce, and their messages cannot be listed.
        retry_class=RetryClass.UNSAFE,
        schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["content"],
            "properties": {"content": _CONTENT, "mentions": _MENTIONS},
        },
        output_schema=_SENT,
        effect="Send by the Discord webhook, notifying {{ mentions }}: {{ content }}",
        has_preview=True,
        documentation="https://docs.discord.com/developers/resources/webhook#execute-webhook",
        proof=PROOF,
    ),
)  # fmt: skip
