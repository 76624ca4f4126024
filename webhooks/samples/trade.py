"""Payments, shops, customers and mail."""

from webhooks.samples.base import Sample

STRIPE = (
    Sample(
        "charge.dispute.created",
        "Dispute opened",
        {
            "id": "$id", "object": "event", "type": "charge.dispute.created", "created": "$s",
            "livemode": False,
            "data": {
                "object": {
                    "id": "dp_lamp1", "object": "dispute", "amount": 4200, "currency": "eur",
                    "charge": "ch_lamp1", "reason": "product_not_received",
                    "status": "needs_response",
                }
            },
        },
    ),
    Sample(
        "invoice.payment_failed",
        "Payment failed",
        {
            "id": "$id", "object": "event", "type": "invoice.payment_failed", "created": "$s",
            "livemode": False,
            "data": {
                "object": {
                    "id": "in_lamp1", "object": "invoice", "customer": "cus_lamp1",
                    "amount_due": 1900, "currency": "eur", "attempt_count": 2,
                    "hosted_invoice_url": "https://pay.example/in_lamp1",
                }
            },
        },
    ),
    Sample(
        "payment_intent.succeeded",
        "Payment succeeded",
        {
            "id": "$id", "object": "event", "type": "payment_intent.succeeded", "created": "$s",
            "livemode": False,
            "data": {
                "object": {
                    "id": "pi_lamp1", "object": "payment_intent", "amount": 4200,
                    "currency": "eur", "status": "succeeded",
                }
            },
        },
    ),
)  # fmt: skip

SHOPIFY = (
    Sample(
        "orders/create",
        "Order created",
        {
            "id": "$n", "name": "#1043", "email": "mara@example.com", "currency": "EUR",
            "total_price": "42.00", "financial_status": "paid", "created_at": "$iso",
            "customer": {"id": 88, "first_name": "Mara", "last_name": "Lindqvist"},
            "line_items": [{"id": 1, "title": "Storm lamp", "quantity": 2, "price": "21.00"}],
        },
        "orders/create",
    ),
    Sample(
        "refunds/create",
        "Refund created",
        {
            "id": "$n", "order_id": 1043, "created_at": "$iso", "note": "Arrived broken",
            "transactions": [{"amount": "21.00", "currency": "EUR", "kind": "refund"}],
        },
        "refunds/create",
    ),
)  # fmt: skip

SQUARE = (
    Sample(
        "payment.updated",
        "Payment updated",
        {
            "merchant_id": "M-LAMP", "type": "payment.updated", "event_id": "$id",
            "created_at": "$iso",
            "data": {
                "type": "payment", "id": "pay-lamp1",
                "object": {
                    "payment": {
                        "id": "pay-lamp1", "status": "FAILED",
                        "amount_money": {"amount": 4200, "currency": "EUR"},
                    }
                },
            },
        },
    ),
)  # fmt: skip

PADDLE = (
    Sample(
        "transaction.payment_failed",
        "Payment failed",
        {
            "event_id": "$id", "event_type": "transaction.payment_failed", "occurred_at": "$iso",
            "notification_id": "ntf_lamp1",
            "data": {"id": "txn_lamp1", "status": "past_due", "customer_id": "ctm_lamp1"},
        },
    ),
)  # fmt: skip

HUBSPOT = (
    Sample(
        "contact.creation",
        "Contact created",
        [
            {
                "eventId": "$n", "subscriptionId": 31, "portalId": 62515, "appId": 1160452,
                "occurredAt": "$ms", "subscriptionType": "contact.creation", "attemptNumber": 0,
                "objectId": 123, "changeSource": "CRM",
            },
            {
                "eventId": "$n", "subscriptionId": 32, "portalId": 62515, "appId": 1160452,
                "occurredAt": "$ms", "subscriptionType": "contact.propertyChange",
                "attemptNumber": 0, "objectId": 123, "propertyName": "city",
                "propertyValue": "Bergen",
            },
        ],
    ),
)  # fmt: skip

SENDGRID = (
    Sample(
        "bounce",
        "Mail bounced",
        [
            {
                "email": "mara@example.com", "timestamp": "$s", "event": "bounce",
                "sg_event_id": "$id", "sg_message_id": "lamp.filter0001", "status": "5.1.1",
                "reason": "The mailbox does not exist.",
            }
        ],
    ),
)  # fmt: skip

TYPEFORM = (
    Sample(
        "form_response",
        "Answer received",
        {
            "event_id": "$id", "event_type": "form_response",
            "form_response": {
                "form_id": "lamp", "submitted_at": "$iso",
                "answers": [{"type": "text", "text": "It is bright.", "field": {"ref": "why"}}],
            },
        },
    ),
)  # fmt: skip

CALENDLY = (
    Sample(
        "invitee.created",
        "Meeting booked",
        {
            "event": "invitee.created", "created_at": "$iso",
            "payload": {
                "name": "Mara Lindqvist", "email": "mara@example.com", "status": "active",
                "uri": "https://api.calendly.example/invitees/lamp",
                "scheduled_event": {"name": "Lamp visit", "start_time": "2030-05-01T09:00:00Z"},
            },
        },
    ),
)  # fmt: skip

MUX = (
    Sample(
        "video.asset.ready",
        "Video ready",
        {
            "type": "video.asset.ready",
            "id": "$id",
            "created_at": "$iso",
            "data": {"id": "asset-lamp", "status": "ready", "duration": 23.4},
            "environment": {"name": "Sandbox"},
        },
    ),
)

SAMPLES = {
    "stripe": STRIPE, "shopify": SHOPIFY, "square": SQUARE, "paddle": PADDLE,
    "hubspot_v1": HUBSPOT, "hubspot_v2": HUBSPOT, "hubspot_v3": HUBSPOT, "sendgrid": SENDGRID,
    "typeform": TYPEFORM, "calendly": CALENDLY, "mux": MUX,
}  # fmt: skip
