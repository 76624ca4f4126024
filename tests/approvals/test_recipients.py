"""Who counts as an external recipient, and who cannot pass for one of ours."""

import pytest

from approvals.recipients import external

OURS = ["example.com", "shop.example"]


def of(arguments=None, affected=()):
    return external(arguments, affected=affected, domains=OURS)


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "eve@other.example"},
        {"to": ["ana@example.com", "Eve <eve@other.example>"]},
        {"message": {"bcc": [{"address": "eve@other.example"}]}},
        {"Recipients": "ana@example.com, eve@other.example"},
    ],
)
def test_one_stranger_among_colleagues_is_found(arguments):
    assert of(arguments) == {"eve@other.example"}


@pytest.mark.parametrize(
    "address",
    [
        "eve@notexample.com",
        "eve@example.com.other.example",
        "eve@sub.example.com",
        "eve@examp\u04cfe.com",
        "eve@example.com\u200b",
        "eve@other.example@example.com",
        "@example.com",
        "eve@",
    ],
)
def test_who_only_looks_like_ours_is_external(address):
    assert len(of({"to": address})) == 1


def test_colleagues_in_any_case_are_ours():
    assert not of({"to": "Ana <Ana@Example.COM>", "cc": ["rui@shop.example"]})


def test_addresses_that_nothing_is_sent_to_are_no_recipients():
    assert not of({"body": "Write to eve@other.example", "customer": "eve@other.example"})


def test_what_the_live_read_names_counts_and_each_address_once():
    affected = [("email", "Eve@other.example"), ("order", "7@other.example")]
    assert of({"to": "eve@other.example"}, affected) == {"eve@other.example"}


def test_nobody_is_external_while_no_domain_is_ours():
    assert not external({"to": "eve@other.example"}, affected=(), domains=[])
