"""Who is at the other end: the connection's address, or what the trusted proxies say."""

from collections.abc import Sequence

from django.conf import settings

from webhooks.schemes.verifier import Header


def client_address(peer: Sequence[object] | None, headers: Sequence[Header]) -> str:
    """The sender's address, seen through as many proxies as are trusted, and not one more."""
    hops = settings.TRUSTED_PROXIES
    direct = str(peer[0]) if peer else ""
    if not hops:
        return direct
    forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    chain = [part.strip() for part in forwarded.decode("latin-1").split(",") if part.strip()]
    # Each trusted proxy appended the address it saw: the last of them saw the client `hops` back.
    return chain[-hops] if len(chain) >= hops else direct
