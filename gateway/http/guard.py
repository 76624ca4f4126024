"""No call from here reaches a private address, whatever a name resolves to.

A name is resolved once, every address it has is checked against one table, and the connection
goes to a checked address, so a second look-up cannot change the answer.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from gateway.http.errors import OutsideError

DEFAULT_PORTS = {"http": 80, "https": 443}
# Beyond these a service has to be named in the allow-list.
OPEN_PORTS = frozenset(DEFAULT_PORTS.values())
STRANGERS_PORTS = frozenset({443})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], tuple[str, ...]]

_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT, and some clouds' metadata",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's host agent",
    "169.254.0.0/16": "link-local, and most clouds' metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "multicast tunnels",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved and broadcast",
}
# Outside 2000::/3 nothing is public, so this lists what is not public within it, and the ranges
# outside that carry an IPv4 address or deserve a name of their own in the refusal.
_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "2001::/32": "Teredo",
    "2001::/23": "protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "fc00::/7": "private, and some clouds' metadata",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED = tuple((ipaddress.ip_network(net), why) for net, why in (_V4 | _V6).items())


def denial(text: str) -> str | None:
    """Why this address may not be reached, or None for a public one.

    An IPv4 address inside an IPv6 one (`::ffff:a.b.c.d`) is judged as the IPv4 address it is.
    """
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return "not an address"
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "bound to an interface"
        address = address.ipv4_mapped or address
    for network, why in _DENIED:
        if address in network:
            return why
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return "not global"
    return None


def system_resolver(host: str, port: int) -> tuple[str, ...]:
    """Every address of the name, in the system's order; raises OSError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Guard:
    """The rules for one deployment: `allow` holds the host:port pairs that skip them."""

    allow: frozenset[tuple[str, int]]
    resolve: Resolver = system_resolver
    ports: frozenset[int] = OPEN_PORTS

    @classmethod
    def of(cls, allow: Iterable[str], resolve: Resolver = system_resolver) -> "Guard":
        """From `host:port` texts; raises ValueError for anything else."""
        return cls(frozenset(_host_port(entry) for entry in allow), resolve)

    def for_strangers(self) -> "Guard":
        """The rules for an address that nobody of ours chose: public hosts only, at port 443.

        The operator opened a private host for our own calls, not for whoever names it to us.
        """
        return replace(self, allow=frozenset(), ports=STRANGERS_PORTS)

    def allows(self, host: str, port: int) -> bool:
        """Whether an administrator named exactly this host and port."""
        return (_plain(host), port) in self.allow

    def check_target(self, *, scheme: str, host: str, port: int, userinfo: bytes) -> None:
        """Refuse what no address can mend; raises OutsideError."""
        if scheme not in DEFAULT_PORTS:
            _refuse("scheme_refused", "Only http and https addresses are called.")
        if userinfo:
            _refuse("userinfo_refused", "An address may not carry a user name or password.")
        if not host:
            _refuse("address_refused", "The address names no host.")
        if self.allows(host, port):
            return
        if scheme != "https":
            _refuse("https_required", f"{host} is only called over https.")
        if port not in self.ports:
            _refuse(
                "port_refused",
                f"Port {port} of {host} is not on the outbound allow-list.",
            )

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Where to connect for this name: all its addresses, each of them checked.

        Raises OutsideError when the name has none, or any single one is not public.
        """
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise OutsideError(
                "name_unresolved",
                False,
                False,
                detail=f"The name {host} does not resolve.",
            ) from error
        if not found:
            raise OutsideError("name_unresolved", False, False, detail=f"{host} has no address.")
        if not self.allows(host, port):
            for address in found:
                if why := denial(address):
                    # The address itself stays out of the text: it describes our own network.
                    _refuse("address_refused", f"{host} is not a public host ({why}).")
        return found


def _refuse(reason: str, detail: str) -> NoReturn:
    raise OutsideError(reason, True, False, detail=detail)


def _host_port(entry: str) -> tuple[str, int]:
    host, separator, port = entry.strip().rpartition(":")
    if not separator or not host or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{entry!r} is not of the form host:port")
    return _plain(host), int(port)


def _plain(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()
