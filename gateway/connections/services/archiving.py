"""Ending a connection."""

from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.connections.services import holding
from gateway.connections.services.revoking import revoke


def archive(connection: Connection) -> str:
    """End a connection: its secrets are forgotten, and what is bound to it sends nothing any more.

    A person's consent is revoked where the service takes it back; gives what there is to say about
    that. The row stays for what was done with it. An action that was approved before ends as
    failed, `not_sent`. Raises Refused where it is archived already.
    """
    has_consent = connection.rules.has_consent and connection.archived_at is None
    note = revoke(connection) if has_consent else ""
    with transaction.atomic():
        held = holding.held(connection)
        holding.forget_token(held)
        Connection.objects.filter(pk=held.pk).update(archived_at=Now(), sealed="")
        audit.record(
            AuditAction.CONNECTION_ARCHIVED,
            target=Target("connection", held.public_id, held.revision),
            scope=held.environment.audit_scope,
            meta={"revocation": note} if note else None,
        )
    return note
