"""A name is found in whatever form it stands, and never inside a longer one."""

import json

import pytest

from gateway.retention.names import Names, TooShort

ANNA = Names(["customer:104", "anna@example.com", "Anna Berger", "+43 660 1234567"])


@pytest.mark.parametrize(
    "value",
    [
        "Write to anna@example.com.",
        "ANNA@EXAMPLE.COM",
        b'{"mail":"anna@example.com"}',
        json.dumps({"a": ["\n\u201eAnna Berger\u201c"]}).encode(),
        json.dumps({"anna@example.com": 1}),
        {"deep": [{"er": ["customer:104"]}]},
        b"email=anna%40example.com&name=Anna+Berger",
        "tel:+43 660 1234567",
        json.dumps({"text": "line\nanna@example.com"}),
    ],
)
def test_it_is_found(value):
    assert ANNA.are_in(value)


@pytest.mark.parametrize(
    "value",
    [
        "customer:1043", "joanna@example.com", "anna@example.com.au", "anna@example.community",
        "x-customer:104-b", "", None, b"\xff\xfe", 104, {"a": None}, "Hanna Bergers",
    ],
)  # fmt: skip
def test_others_are_not(value):
    assert not ANNA.are_in(value)


@pytest.mark.parametrize("names", [[], ["  "], ["abc"]])
def test_what_would_be_found_everywhere_is_refused(names):
    with pytest.raises(TooShort):
        Names(names)
