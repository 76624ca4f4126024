"""Ending a connection."""

from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.connections.services import holding


@transaction.atomic
def archive(connection: Connection) -> Connection:
    """End a connection: its secrets are forgotten, and what is bound to it sends nothing any more.

    The row stays for what was done with it. An action that was approved before ends as failed,
    `not_sent`. Raises Refused where it is archived already.
    """
    held = holding.held(connection)
    holding.forget_token(held)
    Connection.objects.filter(pk=held.pk).update(archived_at=Now(), sealed="")
    held.refresh_from_db()
    audit.record(
        AuditAction.CONNECTION_ARCHIVED,
        target=Target("connection", held.public_id, held.revision),
        scope=held.environment.audit_scope,
    )
    return held
