"""Whether an address is at one of the hosts that a credential may go to. Pure."""

from collections.abc import Sequence

import httpx

from gateway.http.guard import DEFAULT_PORTS
from gateway.lib import hosts


def place_of(url: str) -> str:
    """Host and port as the door will read the address, in the form of an entry; raises ValueError.

    Another reading than the door's could be led past the list.
    """
    try:
        read = httpx.URL(url)
        host = read.raw_host.decode("ascii").lower().rstrip(".")
    except (httpx.InvalidURL, UnicodeError, TypeError) as error:
        raise ValueError("not an address") from error
    host = f"[{host}]" if ":" in host else host
    is_usual = read.port in (None, DEFAULT_PORTS.get(read.scheme))
    return host if is_usual else f"{host}:{read.port}"


def may_go(entries: Sequence[str], url: str) -> bool:
    """Whether the list names the address's host; an empty list names every one."""
    try:
        return not entries or hosts.names(entries, place_of(url))
    except ValueError:
        return False
