"""Who is at the other end, where proxies stand in between. Pure."""

from ipaddress import IPv6Address, ip_address


def address_behind(peer: str, forwarded: str, *, hops: int) -> str:
    """The client's address, seen through as many proxies as are trusted, and not one more.

    `forwarded` is X-Forwarded-For: each proxy appends the address it saw, so what stands further
    left than the last `hops` came from outside and proves nothing. Where the place that counts
    holds no address, the answer is the peer, which nobody can choose. An IPv4 address that a socket
    of both kinds shows as an IPv6 one is written as the IPv4 address that it is: all of these lie
    in one /64, and one client's limit would be everybody's.
    """
    seen = forwarded.split(",") if hops else []
    named = address_of(seen[-hops]) if hops and len(seen) >= hops else ""
    return named or address_of(peer) or peer


def address_of(text: str) -> str:
    """An address as it is usually written, without port and brackets; empty where it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
