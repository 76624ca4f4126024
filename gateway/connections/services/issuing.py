"""Asking a service for a token: one request through the door, nothing stored."""

from django.utils import timezone

from gateway.connections import grants
from gateway.connections.grants import Issued, TokenRefused
from gateway.connections.models import Connection
from gateway.connections.services.references import resolve
from gateway.connections.services.sealed import value_of
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import Request, RetryClass

DEADLINE_S = 15.0
NEVER_CONNECTED = "Nobody has agreed at the service yet: use Connect on the connection's page."
NOT_REFRESHED = "Its token does not count any more, and the service gave none to refresh it with."


def issue(connection: Connection, *, refresh: str = "") -> Issued:
    """A new token for this connection, with `refresh` where somebody's consent gave one.

    Raises TokenRefused, with the service's reason; sealing.CannotUnseal; Refused for a reference.
    """
    secret = resolve(value_of(connection))
    if connection.rules.has_consent and not refresh:
        detail = NOT_REFRESHED if connection.token.sealed_access else NEVER_CONNECTED
        raise TokenRefused(detail, permanent=True, code="not_connected")
    # A refresh token may count once: nobody can say whether a lost answer used it up, and the
    # service, asked again, may take the repetition for theft.
    repeat = RetryClass.UNSAFE if refresh else RetryClass.SAFE
    request = _request(connection, secret, refresh=refresh)
    return ask(connection, request, retry_class=repeat, hidden=(secret, refresh))


def ask(
    connection: Connection, request: Request, *, retry_class: RetryClass, hidden: tuple[str, ...]
) -> Issued:
    """What the token endpoint answers to this request; raises TokenRefused."""
    try:
        with door() as sender:
            answer = sender.send(
                request, retry_class=retry_class, deadline_s=DEADLINE_S, attempts=2
            )
    except OutsideError as error:
        detail = f"The service that issues tokens could not be asked: {error.detail}"
        raise TokenRefused(detail, permanent=error.permanent, code=error.reason) from error
    return grants.read(answer, now=timezone.now(), hidden=hidden)


def _request(connection: Connection, secret: str, *, refresh: str) -> Request:
    config, now = connection.config, timezone.now()
    try:
        match connection.kind:
            case "oauth2_client_credentials":
                return grants.client_credentials(config, secret)
            case "oauth2_authorization_code":
                return grants.refreshing(config, secret, refresh=refresh)
            case "jwt_service_account":
                return grants.service_account(config, secret, now=now)
            case "github_app":
                return grants.github_installation(config, secret, now=now)
    except ValueError as error:
        # A key behind a reference is another one than was checked.
        raise TokenRefused(f"The key cannot sign: {error}.", permanent=True) from error
    raise TokenRefused(f"Nothing is issued for a {connection.kind}.", permanent=True)
