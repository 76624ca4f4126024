"""Answering a provider who asks, in a verified message, whether it may go on sending.

The address is visited once for an event. The row is marked before the request leaves and stays
marked where it may have arrived, so neither a lost worker nor a replay visits it again.
"""

import hashlib

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request
from gateway.http.status import refused
from webhooks.models import Event
from webhooks.services.outcomes import Hopeless, Later

TIMEOUT_S = 20.0
UNKNOWN = (
    "Whether the provider took the confirmation is not known; if nothing arrives, let it ask again."
)


def confirm(event: Event, url: str) -> None:
    """Visit the address that the event names, unless that was done.

    Raises Hopeless where a person has to act, Later where the next try may succeed.
    """
    if not _mark(event):
        if event.fetched is None:
            raise Hopeless(UNKNOWN)
        return
    try:
        with door() as sender:
            answer = sender.send(Request("GET", url), attempts=1, deadline_s=TIMEOUT_S)
        if not answer.ok:
            raise refused(answer, service="The provider")
    except OutsideError as error:
        if error.status is None and error.may_have_happened:
            raise Hopeless(f"{UNKNOWN} {error.detail}") from error
        _unmark(event)
        if error.permanent:
            raise Hopeless(f"The provider refused the confirmation. {error.detail}") from error
        raise Later(error.detail, after_s=error.retry_after) from error
    _record(event, answer)


def _mark(event: Event) -> bool:
    """Note that the address is visited now; False where it was before."""
    now = timezone.now()
    return bool(Event.objects.filter(pk=event.pk, fetched_at=None).update(fetched_at=now))


def _unmark(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(fetched_at=None)


@transaction.atomic
def _record(event: Event, answer: Answer) -> None:
    """Keep what the provider said, as evidence."""
    digest = hashlib.sha256(answer.body).hexdigest()
    Event.objects.filter(pk=event.pk).update(fetched=answer.body, fetched_sha256=digest)
    audit.record(
        AuditAction.SUBSCRIPTION_CONFIRMED,
        target=Target("event", event.public_id),
        scope=event.environment.audit_scope,
        payload_sha256=event.body_sha256,
        meta={"source": event.source.public_id, "answer_sha256": digest},
    )
