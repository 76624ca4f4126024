"""The address guard: one table for every notation, and no way around it by name."""

import pytest

from gateway.http.errors import OutsideError
from gateway.http.guard import Guard, denial, system_resolver

DENIED = [
    ("0.0.0.0", "this network"),  # noqa: S104  an address to refuse, nothing binds to it
    ("0.1.2.3", "this network"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier-grade NAT"),
    ("100.100.100.200", "carrier-grade NAT"),
    ("100.127.255.255", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "host agent"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "link-local"),
    ("169.254.170.2", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "AS112"),
    ("192.52.193.1", "multicast tunnels"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "AS112"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.9", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("0:0:0:0:0:0:0:1", "loopback"),
    ("::127.0.0.1", "not global"),
    ("::7f00:1", "not global"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:7f00:1", "loopback"),
    ("0:0:0:0:0:ffff:10.0.0.1", "private"),
    ("::ffff:169.254.169.254", "link-local"),
    ("::ffff:100.64.0.1", "carrier-grade NAT"),
    ("::ffff:0:127.0.0.1", "not global"),
    ("64:ff9b::127.0.0.1", "NAT64"),
    ("64:ff9b::8.8.8.8", "NAT64"),
    ("64:ff9b:1::a00:1", "local NAT64"),
    ("100::1", "not global"),
    ("2001::1", "Teredo"),
    ("2001:0:53aa:64c:0:fffe:f5ff:fffe", "Teredo"),
    ("2001:10::1", "protocol assignments"),
    ("2001:20::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:a9fe:a9fe::1", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("2620:4f:8000::1", "AS112"),
    ("3fff::1", "documentation"),
    ("4000::1", "not global"),
    ("5f00::1", "not global"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fd20:ce::254", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "bound to an interface"),
    ("2606:4700::1%1", "bound to an interface"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("not an address", "not an address"),
    ("", "not an address"),
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]
# Texts that a system's own look-up reads as 127.0.0.1 or 169.254.169.254.
ODD_NOTATIONS = [
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "017700000001",
    "0x7f.0x0.0x0.0x1",
    "0xa9fea9fe",
    "2852039166",
    "0",
    "localhost",
]


@pytest.mark.parametrize(("address", "why"), DENIED)
def test_private_and_special_addresses_are_denied_with_the_reason(address: str, why: str) -> None:
    reason = denial(address)
    assert reason is not None
    assert why in reason


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert denial(address) is None


@pytest.mark.parametrize("host", ODD_NOTATIONS)
def test_odd_notations_of_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(OutsideError) as caught:
        Guard.of([]).addresses(host, 443)
    # Where the system does not read the notation at all, it leads nowhere either.
    assert caught.value.reason in {"address_refused", "name_unresolved"}
    assert not caught.value.may_have_happened


def test_the_system_reads_at_least_the_decimal_notation() -> None:
    assert system_resolver("2130706433", 443) == ("127.0.0.1",)


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    guard = Guard.of([], resolve=lambda host, port: ("8.8.8.8", "2606:4700::1111", "10.0.0.1"))
    with pytest.raises(OutsideError) as caught:
        guard.addresses("mixed.example", 443)
    assert caught.value.reason == "address_refused"
    assert caught.value.permanent
    assert "10.0.0.1" not in caught.value.detail


def test_a_name_without_address_may_be_tried_again() -> None:
    def nothing(host: str, port: int) -> tuple[str, ...]:
        raise OSError("no such name")

    with pytest.raises(OutsideError) as caught:
        Guard.of([], resolve=nothing).addresses("gone.example", 443)
    assert caught.value.reason == "name_unresolved"
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("scheme", "host", "port", "userinfo", "reason"),
    [
        ("ftp", "api.example", 21, b"", "scheme_refused"),
        ("file", "", 0, b"", "scheme_refused"),
        ("gopher", "api.example", 70, b"", "scheme_refused"),
        ("https", "api.example", 443, b"user:word", "userinfo_refused"),
        ("https", "api.example", 443, b"user", "userinfo_refused"),
        ("https", "", 443, b"", "address_refused"),
        ("http", "api.example", 80, b"", "https_required"),
        ("http", "api.example", 443, b"", "https_required"),
        ("https", "api.example", 22, b"", "port_refused"),
        ("https", "api.example", 8443, b"", "port_refused"),
        ("https", "api.example", 0, b"", "port_refused"),
    ],
)
def test_targets_that_no_address_can_mend_are_refused(
    scheme: str, host: str, port: int, userinfo: bytes, reason: str
) -> None:
    with pytest.raises(OutsideError) as caught:
        Guard.of([]).check_target(scheme=scheme, host=host, port=port, userinfo=userinfo)
    assert (caught.value.reason, caught.value.permanent) == (reason, True)


def test_an_allowed_host_and_port_may_be_private_and_plain_http() -> None:
    guard = Guard.of(["127.0.0.1:8005", "[::1]:8005", "Shop.Example.:80"])
    guard.check_target(scheme="http", host="127.0.0.1", port=8005, userinfo=b"")
    guard.check_target(scheme="http", host="shop.example", port=80, userinfo=b"")
    assert guard.addresses("127.0.0.1", 8005) == ("127.0.0.1",)
    assert guard.allows("::1", 8005)


def test_an_allowed_host_keeps_its_other_ports_closed_and_its_userinfo_refused() -> None:
    guard = Guard.of(["127.0.0.1:8005"])
    with pytest.raises(OutsideError):
        guard.addresses("127.0.0.1", 443)
    with pytest.raises(OutsideError):
        guard.check_target(scheme="http", host="127.0.0.1", port=8005, userinfo=b"u")


@pytest.mark.parametrize("entry", ["127.0.0.1", "host:", ":80", "host:eighty", "", "host:8²"])
def test_an_allow_list_entry_without_host_and_port_stops_the_start(entry: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Guard.of([entry])


def test_a_strangers_address_is_public_and_at_the_one_port():
    guard = Guard.of(["127.0.0.1:443", "db.example:8443"], lambda *_: ("127.0.0.1",))
    strict = guard.for_strangers()
    strict.check_target(scheme="https", host="files.example", port=443, userinfo=b"")
    for scheme, host, port in (
        ("https", "files.example", 80),
        ("https", "db.example", 8443),
        ("http", "files.example", 443),
    ):
        with pytest.raises(OutsideError):
            strict.check_target(scheme=scheme, host=host, port=port, userinfo=b"")
    assert guard.addresses("127.0.0.1", 443) == ("127.0.0.1",)
    with pytest.raises(OutsideError, match="loopback"):
        strict.addresses("127.0.0.1", 443)
