"""Who is at the other end: the connection's address, or what the trusted proxies say."""

from collections.abc import Sequence

from django.conf import settings

from gateway.lib.clients import address_behind
from webhooks.schemes.verifier import Header


def client_address(peer: Sequence[object] | None, headers: Sequence[Header]) -> str:
    """The sender's address, seen through as many proxies as are trusted, and not one more."""
    hops = settings.TRUSTED_PROXIES
    direct = str(peer[0]) if peer else ""
    if not hops:
        return direct
    forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    return address_behind(direct, forwarded.decode("latin-1"), hops=hops)
