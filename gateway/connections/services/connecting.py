"""Consent in the browser: there with a state and a PKCE challenge, back with a code, and its end.

What must come back unchanged is sealed and kept in the session of whoever began; the state names
it, once.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections import grants
from gateway.connections.grants import Issued, TokenRefused
from gateway.connections.models import Connection, Token
from gateway.connections.presets import preset_of
from gateway.connections.services import holding
from gateway.connections.services.issuing import ask
from gateway.connections.services.references import resolve
from gateway.connections.services.refreshing import accept
from gateway.connections.services.revoking import revoke
from gateway.connections.services.sealed import value_of
from gateway.http.messages import RetryClass
from gateway.lib import sealing
from gateway.lib.errors import Refused
from gateway.lib.unit_of_work import unit_of_work

# As long as a person may take at the service's page.
PENDING_S = 600
VERIFIER_BYTES = 48
STATE_BYTES = 32


@dataclass(frozen=True)
class Start:
    """Where the browser goes, the state that it brings back, and what the session keeps sealed."""

    url: str
    state: str
    pending: str


def begin(connection: Connection, *, redirect_uri: str) -> Start:
    """Prepare one consent; nothing is stored. Raises Refused for a kind without one."""
    _check_consent(connection)
    verifier, state = secrets.token_urlsafe(VERIFIER_BYTES), secrets.token_urlsafe(STATE_BYTES)
    config, preset = connection.config, preset_of(connection.config)
    separator = preset.separator if preset else " "
    query = {
        "response_type": "code", "client_id": config["client_id"], "redirect_uri": redirect_uri,
        "scope": separator.join(str(config.get("scopes", "")).split()), "state": state,
        "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        **(preset.extra if preset else {}),
    }  # fmt: skip
    kept = {
        "verifier": verifier, "redirect_uri": redirect_uri, "revision": connection.revision,
        "until": timezone.now().timestamp() + PENDING_S,
    }  # fmt: skip
    page = str(config["authorize_url"])
    joint = "&" if "?" in page else "?"
    return Start(
        f"{page}{joint}{urlencode({name: text for name, text in query.items() if text})}",
        state,
        sealing.seal(json.dumps(kept), **_place(connection, state)),
    )


def finish(connection: Connection, *, state: str, pending: str, code: str) -> Connection:
    """Turn the code that came back into tokens. `pending` is what the session kept for the state.

    It is another account from now on, maybe: the revision is raised. Raises Refused, recorded as
    an attempt, where the service refuses it, it took too long, or the connection was changed
    meanwhile.
    """
    kept = json.loads(sealing.unseal(pending, **_place(connection, state)))
    with unit_of_work(
        attempt=AuditAction.CONNECTION_REFUSED,
        target=Target("connection", connection.public_id),
        scope=connection.environment.audit_scope,
    ):
        _check_consent(connection)
        if kept["until"] < timezone.now().timestamp():
            raise Refused("consent_too_late", "It took longer than ten minutes: connect again.")
        if kept["revision"] != connection.revision:
            raise Refused("connection_changed", "It was changed meanwhile: connect again.")
    issued = _redeemed(connection, kept, code=code)
    return _connected(connection, issued)


def refused(connection: Connection, *, code: object, detail: object) -> str:
    """Record that the service sent the person back with an error; what may be shown of it."""
    said = grants.plain_code(code) or "an error without a name"
    with transaction.atomic():
        audit.record_refusal(
            AuditAction.CONNECTION_REFUSED,
            target=Target("connection", connection.public_id),
            scope=connection.environment.audit_scope,
            reason=said,
        )
    return ": ".join(part for part in (said, grants.plain_detail(detail)) if part)


def disconnect(connection: Connection) -> str:
    """Revoke what was issued, where the service takes it back, and forget it in any case.

    Gives what there is to say about the revocation. Raises Refused for a kind without consent.
    """
    _check_consent(connection)
    note = revoke(connection)
    with transaction.atomic():
        held = holding.held(connection)
        holding.forget_token(held)
        held.revision += 1
        held.save(update_fields=["revision"])
        audit.record(
            AuditAction.CONNECTION_DISCONNECTED,
            target=Target("connection", held.public_id, held.revision),
            scope=held.environment.audit_scope,
            meta={"revocation": note},
        )
    return note


def _redeemed(connection: Connection, kept: dict[str, str], *, code: str) -> Issued:
    secret = resolve(value_of(connection))
    request = grants.redeeming(
        connection.config, secret, code=code, verifier=kept["verifier"],
        redirect_uri=kept["redirect_uri"],
    )  # fmt: skip
    hidden = (secret, code, kept["verifier"])
    try:
        return ask(connection, request, retry_class=RetryClass.UNSAFE, hidden=hidden)
    except TokenRefused as error:
        with unit_of_work(
            attempt=AuditAction.CONNECTION_REFUSED,
            target=Target("connection", connection.public_id),
            scope=connection.environment.audit_scope,
        ):
            raise Refused("connect_failed", error.detail) from error


@transaction.atomic
def _connected(connection: Connection, issued: Issued) -> Connection:
    held = holding.held(connection, revision=connection.revision)
    Token.objects.get_or_create(connection=held)
    holding.forget_token(held)
    token = Token.objects.select_related("connection__environment__tenant").get(connection=held)
    accept(token, issued)
    held.revision += 1
    held.check_error = ""
    held.save(update_fields=["revision", "check_error"])
    audit.record(
        AuditAction.CONNECTION_CONNECTED,
        target=Target("connection", held.public_id, held.revision),
        scope=held.environment.audit_scope,
        meta={"scopes": issued.scopes, "can_refresh": bool(issued.refresh)},
    )
    return held


def _check_consent(connection: Connection) -> None:
    if not connection.rules.has_consent:
        raise Refused(
            "no_consent", f"{connection.slug} needs nobody's consent: nothing to connect."
        )
    if connection.archived_at is not None:
        raise Refused("connection_archived", f"The connection {connection.slug} is archived.")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _place(connection: Connection, state: str) -> dict[str, str]:
    return {
        "table": "connection_consent",
        "row": str(connection.pk),
        "field": state,
        "tenant": str(connection.environment.tenant_id),
    }
