"""Hosts that a credential may go to: no other name, no other port, nothing that looks alike."""

import pytest

from gateway.http.hosts import may_go, place_of
from gateway.lib.hosts import is_list, is_wider, listed

HOSTS = listed("api.example.com *.Files.example.com store.example.com:8443 [::1]:8000")


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/x", "https://API.example.com:443/x", "https://api.example.com./x",
     "https://a.files.example.com", "https://a.b.files.example.com/",
     "https://store.example.com:8443/", "http://[::1]:8000/x"],
)  # fmt: skip
def test_a_named_host_is_taken(url):
    assert may_go(HOSTS, url)
    assert may_go((), url)


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/", "https://api.example.com.evil.example/", "https://example.com/",
     "https://xapi.example.com/", "https://files.example.com/", "https://xfiles.example.com/",
     "https://api.example.com:8443/", "https://store.example.com/", "https://a.files.example.com:81/",
     "https://api.example.com@evil.example/", "https://evil.example/@api.example.com",
     "https://evil.example#api.example.com", "https://evil.example?api.example.com",
     "https://evil.example/api.example.com", "no address", "", "https://", "https://api.example.com:x/"],
)  # fmt: skip
def test_any_other_host_is_refused(url):
    assert not may_go(HOSTS, url)


@pytest.mark.parametrize("text", ["", "a.example", "*.a.example  b.example:8443", "[::1]", "A.Ex"])
def test_a_list_of_hosts_is_taken(text):
    assert is_list(text)


@pytest.mark.parametrize(
    "text",
    ["*", "*.", "https://a.example", "a.example/x", "a.*.example", "a.example:", "a.example:0",
     "a..example", "-a.example", "u@a.example", "a.example,b.example", "é.example", "**.example"],
)  # fmt: skip
def test_what_names_no_host_is_no_list(text):
    assert not is_list(text)


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ("", "", False),
        ("", "a.example", False),
        ("a.example", "", True),
        ("a.example", "A.example", False),
        ("a.example b.example", "b.example", False),
        ("a.example", "a.example b.example", True),
        ("a.example", "a.example:8443", True),
        ("*.example", "a.example b.c.example", False),
        ("*.example", "*.a.example", False),
        ("*.a.example", "*.example", True),
        ("a.example", "*.a.example", True),
        ("*.a.example", "a.example", True),
        ("*.a.example", "b.a.example:81", True),
    ],
)
def test_a_list_is_wider_where_it_names_a_host_more(before, after, wider):
    assert is_wider(before, after) is wider


def test_an_address_is_read_as_the_door_reads_it():
    # A user name, which the door refuses; a browser would go to evil.example.
    assert place_of("https://evil.example\\@api.example.com/") == "api.example.com"
    assert place_of("https://Bücher.example/") == "xn--bcher-kva.example"


def test_the_port_of_https_may_be_said_and_others_have_to_exist():
    assert may_go(listed("api.example.com:443 *.example.org:443"), "https://api.example.com/x")
    assert may_go(listed("*.example.org:443"), "https://a.example.org/x")
    assert not is_wider("api.example.com:443", "api.example.com")
    assert not is_list("api.example.com:65536")
