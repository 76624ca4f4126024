"""Money is integers; whatever could be rounded is refused."""

import pytest

from gateway.budgets import amounts
from gateway.budgets.amounts import AmountError


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        (12_000, "EUR", 12_000),
        ("120.00", "EUR", 12_000),
        ("120", "EUR", 12_000),
        ("120.5", "EUR", 12_050),
        ("120.500", "EUR", 12_050),
        ("120", "JPY", 120),
        ("1.234", "KWD", 1_234),
        ({"amount": "7.10", "currency": "EUR"}, "EUR", 710),
        (0, "EUR", 0),
    ],
)
def test_an_integer_is_minor_units_and_a_text_is_whole_ones(value, currency, minor):
    assert amounts.charge(value, currency=currency) == minor


@pytest.mark.parametrize(
    "value",
    [
        120.0, 1e3, -1, "-1", "1,000.00", "1e3", "120.001", "", " 1", "1 ", "\u0661", "0x10", ".5",
        "5.", None, True, [], ["1"], {"amount": 1}, 10**16, "9" * 16,
        {"amount": "1", "currency": "USD"}, {"amount": 1.5, "currency": "EUR"},
        {"amount": 1, "currency": "EUR", "more": 1},
    ],
)  # fmt: skip
def test_what_is_no_plain_amount_of_the_currency_is_refused(value):
    with pytest.raises(AmountError):
        amounts.charge(value, currency="EUR")


def test_a_yen_has_no_parts():
    with pytest.raises(AmountError, match="decimal places"):
        amounts.charge("1.5", currency="JPY")


@pytest.mark.parametrize(
    ("amount", "kind", "currency", "text"),
    [
        (120_000, "money", "EUR", "1,200.00 EUR"),
        (1_200, "money", "JPY", "1,200 JPY"),
        (1_234, "money", "KWD", "1.234 KWD"),
        (420_000, "cost", "", "0.42 USD"),
        (1_234_567, "cost", "", "1.234567 USD"),
        (1, "calls", "", "1 call"),
        (12_000, "tokens", "", "12,000 tokens"),
    ],
)
def test_an_amount_is_shown_in_its_unit(amount, kind, currency, text):
    assert amounts.shown(amount, kind=kind, currency=currency) == text


@pytest.mark.parametrize(("kind", "currency"), [("money", "EUR"), ("money", "JPY"), ("cost", "")])
def test_what_a_form_shows_is_read_back_as_the_same(kind, currency):
    text = amounts.plain(1_234_500, kind=kind, currency=currency)
    assert amounts.parse(text, kind=kind, currency=currency) == 1_234_500
