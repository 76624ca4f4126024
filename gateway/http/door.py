"""The door as everything in this deployment opens it: nobody puts its settings together by hand."""

from collections.abc import Iterable

from django.conf import settings

from gateway.http.client import Client, client
from gateway.http.limits import Account


def door(account: Account | None = None, *, allow: Iterable[str] = ()) -> Client:
    """A client for the calls of this account (none: nothing is counted).

    `allow` names host:port pairs that pass the address guard besides the operator's.
    """
    return client(allow=[*settings.OUTBOUND_ALLOW, *allow], account=account)
