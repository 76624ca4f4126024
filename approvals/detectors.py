"""What a text may hold that should not travel unseen: one function per kind, each linear (pure).

Every pattern tries a bounded number of characters at each place, so 256 KiB of hostile text cost
what 256 KiB of any text cost. Detectors say that something is there; never what it is.
"""

import re
import unicodedata
from collections.abc import Callable

CARD, IBAN, EMAIL, PHONE = "card_number", "iban", "email", "phone"
PRIVATE_KEY, TOKEN = "private_key", "token"  # noqa: S105 - the name of a kind
KINDS = (CARD, IBAN, EMAIL, PHONE, PRIVATE_KEY, TOKEN)

_CARD = re.compile(
    r"(?<![0-9])(?:[0-9]{13,19}"
    r"|[0-9]{4}([ .-])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?"
    r"|[0-9]{4}[ .-][0-9]{6}[ .-][0-9]{4,5})(?![0-9])"
)
# First digits and lengths of the card schemes: most long numbers are no cards.
_ISSUERS = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720)"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"3(?:0[0-5]|[689])"), {14, 15, 16, 17, 18, 19}),
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 17, 18, 19}),
    (re.compile(r"6(?:011|4[4-9]|5|2|0|7|8|9|3|1)|50|5[6-8]|81"), {13, 14, 15, 16, 17, 18, 19}),
)
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}(?=[ -]?[A-Za-z0-9])")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_IBAN_SHAPES = {
    country: re.compile(rf"[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")
    for country, length in _IBAN_LENGTHS.items()
}
_EMAIL = re.compile(
    r"[A-Za-z0-9_%+-]@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}"
    r"(?![A-Za-z0-9])"
)
_PHONE = re.compile(r"(?<![0-9A-Za-z+])\+[1-9](?:[ .()/-]{0,2}[0-9]){7,14}(?![0-9])")
_PHONE_NAME = re.compile(
    r"(?:^|_)(?:phone|mobile|tel|telephone|fax|msisdn|sms)(?:_?(?:number|no|nr))?$"
)
_PHONE_VALUE = re.compile(r"[+(]?[0-9](?:[ .()/-]{0,2}[0-9]){6,14}")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|PuTTY-User-Key-File-[0-9]|AGE-SECRET-KEY-1[A-Z0-9]{20}"
)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{22}|glpat-[A-Za-z0-9_-]{20}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Za-z0-9-]{10}"
    r"|(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/=]{16}|csk_[a-z0-9]{16}"
    r"|sk-(?:ant|proj|svcacct)-[A-Za-z0-9_-]{16}|sk-[A-Za-z0-9]{32}"
    r"|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{30}|pypi-[A-Za-z0-9_-]{40}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}+\.eyJ[A-Za-z0-9_-]{8,16384}+\.)"
)
_TOKEN_HINT = re.compile(r"[_-][A-Za-z0-9]|AKIA|ASIA|AIza|eyJ")
# One look that spares most texts the others: the shortest findings have six characters.
_LEAST_CHARACTERS = 6
_HINT = re.compile(
    r"@|[0-9](?:[ .()/-]{0,2}[0-9]){6}|[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]|[_-][A-Za-z0-9]{4}"
    r"|A[KS]IA|AIza|eyJ|PRIVATE KEY|PuTTY-"
)
_ANY_DIGIT = re.compile(r"\d")
# What hides between digits, and what looks like a plain character to the reader of a page.
_AS_SEEN: dict[int, str | None] = {
    **dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF]),
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"),
    **dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x3000], " "),
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}


def plain(text: str) -> str:
    """The text as its reader would type it: full-width forms, other digits, unseen characters."""
    if text.isascii():
        return text
    return _ANY_DIGIT.sub(_digit, text.translate(_AS_SEEN))


def _digit(found: re.Match[str]) -> str:
    return found[0] if found[0].isascii() else str(unicodedata.digit(found[0]))


def has_card(text: str) -> bool:
    """A payment card's number: issuer, length and check digit fit."""
    return any(is_card(re.sub(r"[ .-]", "", found[0])) for found in _CARD.finditer(text))


def is_card(digits: str) -> bool:
    """Whether these digits are a card's number (Luhn)."""
    if not any(len(digits) in sizes and first.match(digits) for first, sizes in _ISSUERS):
        return False
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(number - 9 if number > 9 else number for number in doubled)
    return (total + sum(map(int, digits[-1::-2]))) % 10 == 0


def has_iban(text: str) -> bool:
    """An account number whose country, length and check digits (mod 97) fit."""
    return any(_iban_at(text, found) for found in _IBAN_START.finditer(text))


def _iban_at(text: str, start: re.Match[str]) -> bool:
    shape = _IBAN_SHAPES.get(start[1].upper())
    found = shape.match(text, start.start()) if shape else None
    if found is None:
        return False
    compact = found[0].replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def has_email(text: str) -> bool:
    """An e-mail address."""
    return "@" in text and _EMAIL.search(text) is not None


def has_phone(text: str) -> bool:
    """A phone number in international form; others are only known by the name of their field."""
    return "+" in text and _PHONE.search(text) is not None


def is_named_phone(name: str, text: str) -> bool:
    """Whether the field is one for phone numbers and the text could be one."""
    return _PHONE_NAME.search(name) is not None and _PHONE_VALUE.fullmatch(text) is not None


def has_private_key(text: str) -> bool:
    """A private key in one of its usual envelopes."""
    may = "PRIVATE KEY" in text or "PuTTY-" in text or "AGE-SECRET-KEY" in text
    return may and _PRIVATE_KEY.search(text) is not None


def has_token(text: str) -> bool:
    """A credential that is known by its shape."""
    return _TOKEN_HINT.search(text) is not None and _TOKEN.search(text) is not None


def kinds_in(text: str) -> list[str]:
    """The kinds of sensitive things that this text (see `plain`) holds."""
    if len(text) < _LEAST_CHARACTERS or not _HINT.search(text):
        return []
    return [kind for kind, has in _DETECTORS.items() if has(text)]


_DETECTORS: dict[str, Callable[[str], bool]] = {
    CARD: has_card,
    IBAN: has_iban,
    EMAIL: has_email,
    PHONE: has_phone,
    PRIVATE_KEY: has_private_key,
    TOKEN: has_token,
}
