"""What is kept of webhooks."""

from django.db.models import Q

from audit.kept import Kept
from webhooks.states import FINAL

MEMBERS = "members who may see sources"

KEPT = (
    Kept("webhooks.Source", "where webhooks come in and how they are signed", MEMBERS),
    Kept("webhooks.Secret", "sealed signing secrets", "nobody"),
    Kept("webhooks.Route", "what an event leads to", MEMBERS),
    Kept(
        "webhooks.Event",
        "accepted webhooks: headers and body as they came; ids and digests for ever, so that none "
        "is processed twice",
        "members who may see events; the body only those who may read bodies, which is recorded",
        personal={"body": None, "headers": None, "fetched": None, "reason": ""},
        tenant="environment__tenant",
        closed=Q(status__in=FINAL, due_at=None),
        days="KEEP_EVENTS_DAYS",
        since="received_at",
    ),
    Kept(
        "webhooks.EventOrder",
        "who had which event made or its effects made anew, so that they do not decide them",
        MEMBERS,
    ),
    Kept("webhooks.Document", "public keys of providers", "nobody"),
    Kept("webhooks.Refusal", "how many deliveries were refused, and why", MEMBERS),
)
