"""The canonical form equals the reference documents byte for byte, or is refused."""

import json
from pathlib import Path

import pytest

from audit.canonical import NotCanonical, canonical, digest

JCS = Path(__file__).parents[1] / "fixtures" / "jcs"


@pytest.mark.parametrize("name", sorted(p.name for p in (JCS / "input").glob("*.json")))
def test_reference_documents_are_equal_byte_for_byte(name):
    value = json.loads((JCS / "input" / name).read_bytes())
    assert canonical(value) == (JCS / "output" / name).read_bytes()


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        {1: "a"},
        {"a": Ellipsis},
        b"bytes",
    ],
    ids=repr,
)
def test_value_without_a_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical(value)


def test_bottomless_nesting_is_refused_and_does_not_crash():
    value: list = []
    value.append(value)
    with pytest.raises(NotCanonical):
        canonical(value)


def test_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"b": 1, "a": [1.0, None]}) == digest({"a": [1, None], "b": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
