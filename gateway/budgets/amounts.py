"""Amounts as integers: money in minor units, cost in micro-USD; parsing and showing them (pure).

A binary fraction never stands for money: whatever arrives as one is refused.
"""

import re
from decimal import Decimal

from gateway.lib.tongue import gettext_noop

# What may be counted, and how a person calls it.
KINDS = {
    "calls": gettext_noop("Calls"),
    "money": gettext_noop("Money"),
    "tokens": gettext_noop("Tokens"),
    "cost": gettext_noop("Model cost"),
}
# Reported by providers as a run goes on, so no single call can be charged for them.
REPORTED = frozenset({"tokens", "cost"})
COST_CURRENCY, COST_DIGITS = "USD", 6
DEFAULT_DIGITS = 2
# ISO 4217 currencies whose minor unit is not the hundredth.
_DIGITS = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),  # fmt: skip
        0,
    ),
    "CLF": 4,
    "UYW": 4,
}
MAX_AMOUNT = 10**15
_DECIMAL = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,15}))?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class AmountError(ValueError):
    """The value is no amount; the message says what would be."""


def is_currency(text: str) -> bool:
    """Whether the text has the form of an ISO 4217 code."""
    return _CURRENCY.fullmatch(text) is not None


def digits(kind: str, currency: str = "") -> int:
    """How many decimal places a person writes an amount of this kind with."""
    if kind == "cost":
        return COST_DIGITS
    return _DIGITS.get(currency, DEFAULT_DIGITS) if kind == "money" else 0


def parse(value: object, *, kind: str = "money", currency: str = "") -> int:
    """The amount in its smallest unit: an integer is one already, a text is in whole units.

    `12000` and `"120.00"` are the same money. Raises AmountError for anything else.
    """
    if isinstance(value, float):
        raise AmountError("it is a floating-point number: give integer minor units, or text")
    if isinstance(value, str):
        return _of_text(value, digits(kind, currency))
    if isinstance(value, bool) or not isinstance(value, int):
        raise AmountError(f"it is {_named(value)}: give integer minor units, or text like 120.00")
    return _bounded(value)


def _of_text(text: str, places: int) -> int:
    found = _DECIMAL.fullmatch(text)
    if found is None or not text.isascii():
        raise AmountError("the text is no plain decimal number such as 120.00")
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > places:
        raise AmountError(f"the text has more than {places} decimal places")
    return _bounded(int(whole + fraction.ljust(places, "0")))


def _bounded(amount: int) -> int:
    if not 0 <= amount <= MAX_AMOUNT:
        raise AmountError(f"it is not between 0 and {MAX_AMOUNT}")
    return amount


def charge(value: object, *, currency: str) -> int:
    """What a budget's expression yielded, in minor units of the budget's currency.

    `{"amount": …, "currency": …}` names the currency as well. Raises AmountError for another one:
    a budget in EUR cannot tell what USD are worth.
    """
    if isinstance(value, dict):
        if set(value) != {"amount", "currency"}:
            raise AmountError("the object must have exactly amount and currency")
        if value["currency"] != currency:
            raise AmountError(f"it is in another currency than the budget's {currency}")
        value = value["amount"]
    return parse(value, currency=currency)


def plain(amount: int, *, kind: str, currency: str = "") -> str:
    """The amount as it is typed into a form: `500.00`, `12`."""
    places = digits(kind, currency)
    return f"{Decimal(amount).scaleb(-places):.{places}f}"


def shown(amount: int, *, kind: str, currency: str = "") -> str:
    """The amount as a person reads it: `1,200.00 EUR`, `3 calls`, `0.42 USD`."""
    if kind == "money":
        places = digits(kind, currency)
        return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency}"
    if kind == "cost":
        exact = f"{Decimal(amount).scaleb(-COST_DIGITS):,.{COST_DIGITS}f}".rstrip("0")
        whole, _, fraction = exact.partition(".")
        return f"{whole}.{fraction.ljust(2, '0')} {COST_CURRENCY}"
    unit = kind.removesuffix("s") if amount == 1 else kind
    return f"{amount:,} {unit}"


def _named(value: object) -> str:
    names = {
        "NoneType": "null",
        "bool": "true or false",
        "list": "a list",
        "dict": "an object",
    }
    return names.get(type(value).__name__, type(value).__name__)
