"""Chat, alarms, files, identities and agents; and the plain form."""

from webhooks.samples.base import Sample

SLACK = (
    Sample(
        "app_mention",
        "The app was mentioned",
        {
            "type": "event_callback", "team_id": "T0LAMP", "api_app_id": "A0LAMP",
            "event_id": "$id", "event_time": "$s",
            "event": {
                "type": "app_mention", "user": "U0MARA", "channel": "C0KEEPERS",
                "text": "<@U0BOT> is the lamp lit?", "ts": "1700000000.000100",
            },
        },
    ),
)  # fmt: skip

DISCORD = (
    Sample(
        "command",
        "Command used",
        {
            "id": "$id", "application_id": "710", "type": 2, "version": 1,
            "data": {"id": "771", "name": "lamp", "type": 1},
            "guild_id": "290", "channel_id": "645",
            "member": {"user": {"id": "53", "username": "mara"}},
        },
    ),
)  # fmt: skip

PAGERDUTY = (
    Sample(
        "incident.triggered",
        "Incident triggered",
        {
            "event": {
                "id": "$id", "event_type": "incident.triggered", "resource_type": "incident",
                "occurred_at": "$iso",
                "data": {
                    "id": "PLAMP1", "type": "incident", "number": 7, "status": "triggered",
                    "title": "The lamp is dark", "urgency": "high",
                    "html_url": "https://pagerduty.example/incidents/PLAMP1",
                    "service": {"id": "PSVC1", "summary": "Lighthouse"},
                },
            }
        },
    ),
)  # fmt: skip

ZENDESK = (
    Sample(
        "ticket.created",
        "Ticket created",
        {
            "account_id": 12, "id": "$id", "type": "zen:event-type:ticket.created",
            "time": "$iso", "subject": "zen:ticket:35436", "event": {},
            "detail": {
                "id": "35436", "subject": "Where is my lamp?", "status": "NEW",
                "priority": "NORMAL", "description": "Ordered a week ago.",
            },
        },
    ),
)  # fmt: skip

INTERCOM = (
    Sample(
        "conversation.user.created",
        "Conversation begun",
        {
            "type": "notification_event", "id": "$id", "topic": "conversation.user.created",
            "app_id": "lamp", "created_at": "$s",
            "data": {
                "type": "notification_event_data",
                "item": {"type": "conversation", "id": "147", "state": "open"},
            },
        },
    ),
)  # fmt: skip

ZOOM = (
    Sample(
        "meeting.ended",
        "Meeting ended",
        {
            "event": "meeting.ended",
            "event_ts": "$ms",
            "payload": {
                "account_id": "lamp",
                "object": {"id": "$n", "topic": "Keepers' round", "duration": 30},
            },
        },
    ),
)

DROPBOX = (
    Sample(
        "files",
        "Files changed",
        {"list_folder": {"accounts": ["dbid:lamp"]}, "delta": {"users": [12345678]}},
    ),
)

BOX = (
    Sample(
        "FILE.UPLOADED",
        "File uploaded",
        {
            "type": "webhook_event", "id": "$id", "created_at": "$iso",
            "trigger": "FILE.UPLOADED",
            "source": {"id": "77", "type": "file", "name": "log-of-the-lamp.pdf"},
        },
    ),
)  # fmt: skip

META = (
    Sample(
        "message",
        "Message received",
        {
            "object": "whatsapp_business_account",
            "entry": [
                {
                    "id": "8856996819413533",
                    "changes": [
                        {
                            "field": "messages",
                            "value": {
                                "messaging_product": "whatsapp",
                                "messages": [
                                    {
                                        "from": "15550783881", "id": "$id", "type": "text",
                                        "text": {"body": "Is the lamp lit?"},
                                    }
                                ],
                            },
                        }
                    ],
                }
            ],
        },
    ),
)  # fmt: skip

WORKOS = (
    Sample(
        "user.created",
        "User created",
        {
            "id": "$id",
            "event": "user.created",
            "created_at": "$iso",
            "data": {"object": "user", "id": "user_lamp", "email": "mara@example.com"},
        },
    ),
)

OPENAI = (
    Sample(
        "response.completed",
        "Response completed",
        {
            "id": "$id", "object": "event", "created_at": "$s", "type": "response.completed",
            "data": {"id": "resp_lamp1"},
        },
    ),
)  # fmt: skip

ANTHROPIC = (
    Sample(
        "session.idled",
        "Session waits",
        {
            "type": "event",
            "id": "$id",
            "created_at": "$iso",
            "data": {"type": "session.status_idled", "id": "sesn_lamp1"},
        },
    ),
)

RESEND = (
    Sample(
        "email.bounced",
        "Mail bounced",
        {
            "type": "email.bounced", "created_at": "$iso",
            "data": {
                "email_id": "lamp-1", "from": "keeper@example.com", "to": ["mara@example.com"],
                "subject": "Your lamp",
            },
        },
    ),
)  # fmt: skip

CLERK = (
    Sample(
        "user.created",
        "User created",
        {"object": "event", "type": "user.created", "data": {"id": "user_lamp", "object": "user"}},
    ),
)

SUPABASE = (
    Sample(
        "send_email",
        "Mail to be sent",
        {
            "user": {"id": "5f2c", "email": "mara@example.com"},
            "email_data": {"email_action_type": "signup", "site_url": "https://lamp.example"},
        },
    ),
)

LANGGRAPH = (
    Sample(
        "success",
        "Run finished",
        {
            "run_id": "$id", "thread_id": "thread-lamp", "assistant_id": "keeper",
            "status": "success", "values": {"answer": "The lamp is lit."},
        },
    ),
)  # fmt: skip

DRIVE = (Sample("update", "File changed", {}, "update"),)

TWILIO = (
    Sample(
        "delivered",
        "Message delivered",
        {
            "MessageSid": "SM-lamp-1", "MessageStatus": "delivered", "AccountSid": "AC-lamp",
            "From": "+15005550006", "To": "+15005550009", "Id": "$id",
        },
    ),
)  # fmt: skip

MAILGUN = (
    Sample(
        "failed",
        "Mail failed",
        {
            "event-data": {
                "event": "failed", "id": "$id", "severity": "permanent", "timestamp": "$s",
                "recipient": "mara@example.com", "reason": "bounce",
                "message": {"headers": {"message-id": "lamp-1@example.com"}},
            }
        },
    ),
)  # fmt: skip

GRAPH = (
    Sample(
        "updated",
        "Message changed",
        {
            "value": [
                {
                    "subscriptionId": "lamp-sub", "changeType": "updated",
                    "resource": "users/mara/messages/1",
                    "subscriptionExpirationDateTime": "2030-01-01T00:00:00Z",
                    "tenantId": "lamp-tenant",
                    "resourceData": {"id": "1"},
                }
            ]
        },
    ),
)  # fmt: skip

PLAIN = (
    Sample(
        "order.created",
        "Order created",
        {
            "type": "order.created",
            "timestamp": "$iso",
            "data": {"order": "ORD-1043", "total": "42.00", "currency": "EUR"},
        },
        "order.created",
    ),
)

SAMPLES = {
    "slack": SLACK, "discord": DISCORD, "pagerduty": PAGERDUTY, "zendesk": ZENDESK,
    "intercom": INTERCOM, "zoom": ZOOM, "dropbox": DROPBOX, "box": BOX, "meta": META,
    "workos": WORKOS, "openai": OPENAI, "anthropic": ANTHROPIC, "resend": RESEND,
    "twilio": TWILIO, "twilio_shared_key": TWILIO, "mailgun": MAILGUN, "msgraph": GRAPH,
    "clerk": CLERK, "supabase": SUPABASE, "langgraph": LANGGRAPH, "google_drive": DRIVE,
}  # fmt: skip
