"""Which address counts behind how many proxies: nothing that a sender may write."""

import pytest

from gateway.lib.clients import address_behind, address_of

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [
        (0, "203.0.113.9", PEER),
        (0, "", PEER),
        (1, "", PEER),
        (1, "203.0.113.9", "203.0.113.9"),
        # What stands further left was written by the sender.
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1,127.0.0.1,203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", PEER),
        (3, "203.0.113.9, 10.0.0.2", PEER),
        # An empty part keeps its place: else the sender's would move up.
        (1, "198.51.100.1,", PEER),
        (1, "198.51.100.1, ,", PEER),
        (2, "198.51.100.1,,10.0.0.2", PEER),
        (2, ",203.0.113.9,10.0.0.2", "203.0.113.9"),
        (1, ",,,", PEER),
        (1, "198.51.100.1, unknown", PEER),
        (1, "198.51.100.1, _hidden", PEER),
        (1, "198.51.100.1, 203.0.113.9.5", PEER),
        (1, "198.51.100.1, 0xcb007109", PEER),
        # With ports, brackets and quotes, as some proxies write.
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, '"[2001:db8::1]"', "2001:db8::1"),
        (1, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
        (1, "\t203.0.113.9 ", "203.0.113.9"),
    ],
)
def test_only_trusted_proxies_name_the_client(hops, forwarded, found):
    assert address_behind(PEER, forwarded, hops=hops) == found


@pytest.mark.parametrize(
    "text", ["", " ", "a", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4/8", "[", "[]", "::g", "1:2"]
)
def test_what_is_no_address_is_empty(text):
    assert address_of(text) == ""
