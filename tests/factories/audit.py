"""Audit records, written by the one service that writes them."""

from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit import services
from audit.actions import AuditAction
from audit.context import SYSTEM, Scope, Target, bind, new_correlation_id
from audit.models import AuditRecord, RefusalCount


class AuditRecordFactory(DjangoModelFactory):
    """A record as `audit.services.record` makes it: bytes, digest and columns belong together."""

    class Meta:
        model = AuditRecord

    action = AuditAction.ACTION_APPROVED
    target = factory.Sequence(lambda n: Target("action", f"act_{n:026d}"))
    scope = Scope(None)
    actor = SYSTEM
    correlation_id = factory.LazyFunction(new_correlation_id)

    @classmethod
    def _create(
        cls, model_class: type[AuditRecord], action: AuditAction, **fields: Any
    ) -> AuditRecord:
        with bind(correlation_id=fields.pop("correlation_id")):
            return services.record(action, **fields)


class RefusalCountFactory(DjangoModelFactory):
    class Meta:
        model = RefusalCount

    minute = factory.LazyFunction(lambda: timezone.now().replace(second=0, microsecond=0))
    action = AuditAction.ACTION_REFUSED
    reason = "not_permitted"
    actor_id = factory.Sequence(lambda n: f"usr_{n:026d}")
