"""Messages and notifications of the providers that are checked by code.

Signatures and secrets that stand in a body are put there when the sample is signed.
"""

from webhooks.samples.base import Sample

TWILIO = (
    Sample(
        "com.twilio.messaging.inbound-message.received",
        "Message received",
        [
            {
                "specversion": "1.0",
                "id": "$id",
                "time": "$iso",
                "type": "com.twilio.messaging.inbound-message.received",
                "source": "/2010-04-01/Accounts/AClamp1/Messages/SMlamp1",
                "data": {
                    "messageSid": "SMlamp1",
                    "from": "+15550100",
                    "to": "+15550199",
                    "body": "Where is my lamp?",
                    "numSegments": 1,
                    "timestamp": "$iso",
                },
            }
        ],
    ),
)

MAILGUN = (
    Sample(
        "failed",
        "Mail not delivered",
        {
            "event-data": {
                "event": "failed",
                "id": "$id",
                "timestamp": "$s",
                "severity": "permanent",
                "reason": "bounce",
                "recipient": "ada@customer.example",
                "delivery-status": {"code": 550, "message": "No such mailbox"},
                "message": {
                    "headers": {"subject": "Your order", "message-id": "lamp1@shop.example"}
                },
            },
        },
    ),
)

MSGRAPH = (
    Sample(
        "created",
        "Mail arrived",
        {
            "value": [
                {
                    "id": "$id",
                    "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                    "changeType": "created",
                    "resource": "users/lamp1/messages/AAMkLamp",
                    "subscriptionExpirationDateTime": "$iso",
                    "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
                    "resourceData": {"@odata.type": "#microsoft.graph.message", "id": "AAMkLamp"},
                }
            ]
        },
    ),
)

SAMPLES = {
    "twilio": TWILIO, "twilio_shared_key": TWILIO, "mailgun": MAILGUN, "msgraph": MSGRAPH,
}  # fmt: skip
