"""The canonical form equals the reference documents byte for byte, or is refused."""

import json
import random
from pathlib import Path

import pytest
import rfc8785

from audit.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical, digest, parsed

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


@pytest.mark.parametrize(
    "value",
    [0, -1, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER, 1e20, -1e20, 2.0**53, 0.5, 1e300, [{"a": 1e20}]],
    ids=repr,
)
def test_canonical_text_is_read_back_to_the_same_text(value):
    text = canonical(value).decode()
    assert canonical(parsed(text)).decode() == text


def test_a_whole_number_is_read_as_one_until_it_is_too_large_for_that():
    assert [type(parsed(str(n))) for n in (MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER)] == [int, int]
    assert [type(parsed(str(n))) for n in (2**53, -(2**53))] == [float, float]


# What is awkward: escapes, what sorts differently by UTF-16, what needs no rounding and what does.
LETTERS = [
    "",
    "a",
    "B",
    "10",
    "é",
    '"',
    "\\",
    "/",
    "\x00",
    "\x1f",
    "\x7f",
    "\u2028",
    "\ue000",
    "😀",
]
NUMBERS = [0, -1, 2**53 - 1, 1 - 2**53, 0.5, -0.0, 1e21, True]


def anything(chance, depth=0):
    if depth < 4 and chance.random() < 0.5:
        items = [anything(chance, depth + 1) for _ in range(chance.randrange(5))]
        if chance.random() < 0.3:
            return tuple(items) if chance.random() < 0.2 else items
        return {"".join(chance.choices(LETTERS, k=2)): item for item in items}
    return chance.choice([None, chance.choice(NUMBERS), "".join(chance.choices(LETTERS, k=3))])


def test_quick_road_and_the_whole_one_agree_on_awkward_values():
    chance = random.Random(8785)
    for _ in range(3000):
        value = anything(chance)
        assert canonical(value) == rfc8785.dumps(value)


def test_quick_road_without_its_conditions_would_be_found(monkeypatch):
    """The planted fault: everything taken for plain."""
    monkeypatch.setattr("audit.canonical._is_plain", lambda value: True)
    with pytest.raises(AssertionError):
        test_quick_road_and_the_whole_one_agree_on_awkward_values()
