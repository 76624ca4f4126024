"""Trying a connection: does its credential count, asked of the service itself."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections import grants
from gateway.connections.accounts import account_of
from gateway.connections.models import Connection
from gateway.connections.services.revealing import renew, reveal
from gateway.connectors.base import Secret
from gateway.connectors.credentials import with_credential
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, RetryClass
from gateway.lib.errors import DomainError, Refused
from gateway.lib.sealing import CannotUnseal

DEADLINE_S = 15.0
# Where a DSN names no port.
PORTS = {
    "postgres": 5432, "postgresql": 5432, "mysql": 3306, "redis": 6379, "smtp": 587, "smtps": 465,
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """Whether the credential counts, and a sentence about it."""

    is_good: bool
    detail: str


def check(connection: Connection) -> Trial:
    """Use the credential for something harmless; the result is kept on the row and recorded.

    Raises Refused where there is nothing to try it at.
    """
    rules = connection.rules
    if not (rules.issues or rules.name == "dsn" or connection.config.get("check_url")):
        raise Refused(
            "nothing_to_try",
            f"{connection.slug} has no address to try it at: add one to its settings.",
        )
    try:
        trial = _tried(connection)
    except (DomainError, OutsideError, CannotUnseal) as error:
        trial = Trial(False, str(error))
    _keep(connection, trial)
    return trial


def _tried(connection: Connection) -> Trial:
    secret = reveal(connection)
    if connection.kind == "dsn":
        return _resolved(secret)
    if not connection.config.get("check_url"):
        return Trial(True, "The service issues a token.")
    answer = _asked(connection, secret)
    if answer.status == 401 and (fresh := renew(connection, secret)):
        answer = _asked(connection, fresh)
    return _judged(answer)


def _asked(connection: Connection, secret: Secret) -> Answer:
    url = str(connection.config["check_url"])
    plain = Request("GET", url, {"Accept": "application/json"})
    with door(account_of(connection)) as sender:
        return sender.send(
            with_credential(plain, secret, at=datetime.now(UTC)),
            retry_class=RetryClass.SAFE, deadline_s=DEADLINE_S, attempts=2,
        )  # fmt: skip


def _judged(answer: Answer) -> Trial:
    said = grants.body_of(answer)
    # Slack answers 200 to everything.
    if answer.ok and said.get("ok") is not False:
        return Trial(True, f"The service took it (status {answer.status}).")
    code = grants.plain_code(said.get("error"))
    return Trial(False, f"The service answered with status {answer.status}{code and f' ({code})'}.")


def _resolved(secret: Secret) -> Trial:
    parts = urlsplit(secret.value)
    if parts.scheme == "https":
        # A webhook's address is all that opens it, and whatever is sent there is posted.
        return Trial(True, "A webhook shows only at its first use whether it is still open.")
    if not parts.hostname:
        return Trial(True, "A file on this server; whether it is there shows at the first use.")
    port = parts.port or PORTS.get(parts.scheme.partition("+")[0], 0)
    if not port:
        return Trial(False, "The DSN names no port, and its protocol has no usual one.")
    with door() as sender:
        sender.addresses(parts.hostname, port, within_s=DEADLINE_S)
    return Trial(
        True, "The server may be reached; whether it takes the password shows at the first use."
    )


@transaction.atomic
def _keep(connection: Connection, trial: Trial) -> None:
    error = "" if trial.is_good else trial.detail
    Connection.objects.filter(pk=connection.pk).update(checked_at=Now(), check_error=error)
    audit.record(
        AuditAction.CONNECTION_CHECKED,
        target=Target("connection", connection.public_id, connection.revision),
        scope=connection.environment.audit_scope,
        outcome="ok" if trial.is_good else "failed",
        meta={"result": trial.detail},
    )
