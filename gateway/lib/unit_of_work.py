"""One write, one transaction; an attempt that was refused is recorded in a second one.

Django's `transaction.atomic` is the first half. The second half is here: when a service refuses,
its transaction is rolled back, and the refusal is written after it, so that it survives.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.lib.errors import DomainError


@contextmanager
def unit_of_work(
    *, attempt: AuditAction, target: Target, scope: Scope, correlation_id: str = ""
) -> Iterator[None]:
    """Run the block in one transaction; a DomainError leaves a record of the refused attempt.

    Repeated refusals of one actor for one reason within a minute are counted, not repeated, so that
    they cannot flood the log. The error is raised on.
    """
    try:
        with transaction.atomic():
            yield
    except DomainError as error:
        with transaction.atomic():
            audit.record_refusal(
                attempt, target=target, scope=scope, reason=error.code,
                correlation_id=correlation_id,
            )  # fmt: skip
        raise
