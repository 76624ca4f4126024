"""Giving tokens back to the service that issued them."""

from gateway.connections import grants
from gateway.connections.models import Connection, Token
from gateway.connections.presets import preset_of
from gateway.connections.services.issuing import DEADLINE_S
from gateway.connections.services.references import resolve
from gateway.connections.services.sealed import open_token, value_of
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import RetryClass
from gateway.lib.errors import DomainError
from gateway.lib.sealing import CannotUnseal

NOTHING = "There was nothing to revoke."
NO_ADDRESS = "The service has no address to revoke at: end the consent there."


def revoke(connection: Connection) -> str:
    """Ask the service to end what it issued; what came of it, in a sentence. Stores nothing."""
    token = Token.objects.select_related("connection__environment__tenant").filter(
        connection=connection
    ).first()  # fmt: skip
    if token is None or not (token.sealed_access or token.sealed_refresh):
        return NOTHING
    try:
        secret = resolve(value_of(connection))
        preset = preset_of(connection.config)
        # A form takes the refresh token, with which the whole consent ends.
        fields = ("refresh", "access") if preset is None or preset.revoke == "form" else ("access",)
        given = next((text for name in fields if (text := open_token(token, name))), "")
        request = grants.revoking(connection.config, secret, token=given)
        if request is None:
            return NO_ADDRESS
        with door() as sender:
            answer = sender.send(
                request, retry_class=RetryClass.IDEMPOTENT, deadline_s=DEADLINE_S, attempts=2
            )
    except (OutsideError, DomainError, CannotUnseal) as error:
        return f"The service could not be asked to revoke it: {error}"
    if answer.ok:
        return "The service revoked it."
    return f"The service answered the revocation with status {answer.status}: look there."
