"""What should not travel unseen is found by path and kind, in linear time, and never repeated."""

import time

import pytest

from approvals.detectors import KINDS, is_card, kinds_in
from approvals.sensitive import MAX_PATHS, Hit, fact, find
from gateway.lib.wordlists import compile_lists

MAX_BYTES = 256 * 1024
# Slow machines included: what is not linear takes minutes.
ENOUGH_S = 5.0
# Put together here, so that no scanner takes an example for a secret.
SHAPES = {
    "GitHub": "gh" + "p_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_" + "pat_" + "a1B2" * 7,
    "GitLab": "glpat" + "-" + "a1B2" * 5,
    "Slack": "xox" + "b-" + "1234567890-abcdef",
    "AWS": "AK" + "IA" + "A2B3" * 4,
    "Stripe": "sk_" + "live_" + "a1B2" * 6,
    "Anthropic": "sk-" + "ant-" + "a1B2" * 6,
    "Google": "AI" + "za" + "a1B2C" * 7,
    "JWT": "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0In0." + "c2ln",
    "Countersign": "csk" + "_" + "a1b2" * 6,
}


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "card 4111 1111 1111 1111, exp 12/29",
        "4111-1111-1111-1111",
        "3782 822463 10005",
        "5555.5555.5555.4444",
        "２２２３００３１２２００３２２２",
        "4111\u200b1111\u200b1111\u200b1111",
        "٤١١١١١١١١١١١١١١١",
    ],
)
def test_card_numbers_are_found_however_they_are_written(text):
    assert kinds(text) == ["card_number"]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "1700000000000",
        "order 4111 1111",
        "41111111111111110000000",
        "9999999999999995",
    ],
    ids=["check digit", "a time", "too short", "too long", "no issuer"],
)
def test_other_long_numbers_are_no_cards(text):
    assert kinds(text) == []


@pytest.mark.parametrize("digits", ["378282246310005", "30569309025904", "6011111111111117"])
def test_cards_of_each_length_are_known(digits):
    assert is_card(digits)


@pytest.mark.parametrize(
    "text",
    ["DE89370400440532013000", "to DE89 3704 0044 0532 0130 00 please", "gb82west12345698765432"],
)
def test_account_numbers_are_found_by_country_length_and_check_digits(text):
    assert kinds(text) == ["iban"]


@pytest.mark.parametrize(
    "text",
    ["DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000", "AB12 CD34"],
)
def test_what_only_looks_like_an_account_is_none(text):
    assert kinds(text) == []


@pytest.mark.parametrize("text", ["ana@shop.example", "Ana <ana.b+tag@mail.shop.example>, thanks"])
def test_mail_addresses_are_found(text):
    assert kinds(text) == ["email"]


@pytest.mark.parametrize("text", ["@ana", "a@b", "ana@shop", "5 @ 3.50", "@media (min-width: 1px)"])
def test_not_every_at_sign_is_an_address(text):
    assert kinds(text) == []


@pytest.mark.parametrize("text", ["+49 30 901820", "call +1 (415) 555-2671 now", "+442071838750"])
def test_phone_numbers_in_international_form_are_found(text):
    assert kinds(text) == ["phone"]


@pytest.mark.parametrize("text", ["1+2345678901", "+12", "2026-11-26 14:00", "0012345678", "+5 %"])
def test_other_numbers_are_no_phones(text):
    assert kinds(text) == []


def test_national_number_is_found_by_the_name_of_its_field():
    found = list(find({"args": {"phone": "030 901820", "amount": "030 901820"}}))
    assert found == [Hit("/args/phone", "phone")]


@pytest.mark.parametrize("kind", ["RSA ", "OPENSSH ", "EC ", "ENCRYPTED ", ""])
def test_private_keys_are_found_by_their_envelope(kind):
    assert kinds(f"-----BEGIN {kind}PRIVATE" + " KEY-----\nMIIE…") == ["private_key"]


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_credentials_are_found_by_their_shape(text):
    assert kinds(f"use {text} for it") == ["token"]


def test_ordinary_words_are_no_credentials():
    assert kinds("risk-ant-hill sk_live gh_p eyJ desk_top_publishing_with_long_words") == []


def test_findings_name_path_and_kind_wherever_they_stand():
    document = {
        "args": {"to": ["ops@shop.example", {"card/no": 4111111111111111}], "note": "hello"},
        "before": {"iban": "DE89370400440532013000"},
    }
    assert list(find(document)) == [
        Hit("/args/to/0", "email"),
        Hit("/args/to/1/card~1no", "card_number"),
        Hit("/before/iban", "iban"),
    ]


def test_name_of_a_field_that_is_itself_sensitive_is_found_and_not_repeated():
    found = list(find({"args": {"ana@shop.example": {"card": "4111111111111111"}}}))
    assert found == [Hit("/args/*", "email"), Hit("/args/*/card", "card_number")]


def test_tenants_words_and_patterns_are_found_under_the_lists_name():
    lists = compile_lists(
        [
            {"name": "projects", "words": ["Titan", "Blue Heron"]},
            {"name": "tickets", "patterns": [r"\bPRJ-[0-9]{4}\b"]},
        ]
    )
    document = {
        "args": {"a": "the TITAN plan", "b": "titanium", "c": "see PRJ-0042", "d": "blue heron"}
    }
    assert list(find(document, lists)) == [
        Hit("/args/a", "list:projects"),
        Hit("/args/c", "list:tickets"),
        Hit("/args/d", "list:projects"),
    ]


def test_variable_counts_all_and_keeps_a_hundred_paths():
    many = {"args": {f"to{n}": "ops@shop.example" for n in range(150)}}
    seen = fact(find(many), preview="unread")
    assert (seen["count"], seen["kinds"], seen["preview"]) == (150, ["email"], "unread")
    assert len(seen["paths"]) == MAX_PATHS
    assert "shop.example" not in str(seen)


HOSTILE = {
    "digits": "4",
    "no cards": "4111111111111112 ",
    "groups": "4111 1111 ",
    "at signs": "a@",
    "labels": "x@a.a.a.a.",
    "tokens": "eyJ",
    "token heads": "eyJaaaaaaaa.",
    "accounts": "DE89 ",
    "phones": "+1 2 3 4 5 6 ",
    "dashes": "-----BEGIN ",
    "wide digits": "４",
    "long forms": "\ufdfa",
}


@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_costs_no_more_than_its_length(part):
    text = part * (MAX_BYTES // len(part.encode()))
    lists = compile_lists([{"name": "worst", "words": ["a", "4 1"], "patterns": ["(a+)+$"]}])
    begun = time.perf_counter()
    list(find({"args": {"text": text}}, lists))
    assert time.perf_counter() - begun < ENOUGH_S


def test_every_kind_is_named():
    assert KINDS == ("card_number", "iban", "email", "phone", "private_key", "token")


def kinds(text):
    assert set(kinds_in(text)) <= set(KINDS)
    return [hit.kind for hit in find({"args": {"text": text}})]
