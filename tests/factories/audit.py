"""Audit records, written by the one service that writes them."""

from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from uuid_utils.compat import uuid7

from audit import merkle, services
from audit.actions import AuditAction
from audit.checkpoints import Head, sign
from audit.context import SYSTEM, Scope, Target, bind, new_correlation_id
from audit.models import AuditRecord, Checkpoint, Leaf, Pending, RefusalCount, Verification


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


class LeafFactory(DjangoModelFactory):
    """A leaf whose hash is right, somewhere in a log that is not whole."""

    class Meta:
        model = Leaf

    record = factory.SubFactory(AuditRecordFactory)
    log = factory.SelfAttribute("record.log")
    leaf_index = factory.Sequence(lambda n: n)
    leaf_hash = factory.LazyAttribute(
        lambda made: merkle.leaf_hash(made.record.body.encode()).hex()
    )


class CheckpointFactory(DjangoModelFactory):
    """A checkpoint that nobody trusts: signed with a key that anyone may know."""

    class Meta:
        model = Checkpoint

    log = "system"
    size = factory.Sequence(lambda n: n + 1)
    root = factory.LazyAttribute(lambda made: merkle.leaf_hash(b"%d" % made.size).hex())
    note = factory.LazyAttribute(
        lambda made: sign(Head(made.log, made.size, bytes.fromhex(made.root)), "01" * 32)
    )


class PendingFactory(DjangoModelFactory):
    class Meta:
        model = Pending

    record_id = factory.LazyFunction(uuid7)


class VerificationFactory(DjangoModelFactory):
    """A log that was found sound a moment ago."""

    class Meta:
        model = Verification

    log = factory.Sequence(lambda n: f"ten_{n:026d}")
    verified_at = factory.LazyFunction(timezone.now)
    leaves = 0
    found = 0
