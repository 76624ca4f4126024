from django.apps import AppConfig

from audit import evidence
from audit.actions import AuditAction


class WebhooksConfig(AppConfig):
    name = "webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        """`audit_verify` compares the events with what was sealed of them."""
        evidence.register(AuditAction.EVENTS_SEALED, "webhooks.services.SealedEvents")
