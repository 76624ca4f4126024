"""What an agent sends has one meaning or is refused, with the reason and the place."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical
from gateway.lib.strictjson import (
    MAX_DEPTH,
    Ambiguous,
    Marked,
    find_marked,
    parse,
    parse_marked,
)

REFUSED = [
    (b"", "not_json", ""),
    (b"{", "not_json", ""),
    (b'{"a":1,}', "not_json", ""),
    (b"[1 2]", "not_json", ""),
    (b'{"a":1}x', "not_json", ""),
    (b"\xef\xbb\xbf{}", "not_json", ""),
    (b'["\xff"]', "not_json", ""),
    (b'["\x01"]', "not_json", "/0"),
    (b"[01]", "not_json", ""),
    (b"[1.]", "not_json", ""),
    (b"['a']", "not_json", "/0"),
    (b"\x0b1", "not_json", ""),
    (b'{"a":1,"a":1}', "duplicate_key", "/a"),
    (b'{"a":{"b/c":1,"b/c":2}}', "duplicate_key", "/a/b~1c"),
    (rb'{"a":1,"\u0061":2}', "duplicate_key", "/a"),
    (b'{"a":[1,NaN]}', "not_a_number", "/a/1"),
    (b"Infinity", "not_a_number", ""),
    (b"[-Infinity]", "not_a_number", "/0"),
    (b"[9007199254740992]", "number_precision", "/0"),
    (b"[-9007199254740993]", "number_precision", "/0"),
    (b"[1e17]", "number_precision", "/0"),
    (b"[0.1000000000000000055]", "number_precision", "/0"),
    (b"[1e400]", "number_precision", "/0"),
    (b"[1e-400]", "number_precision", "/0"),
    (b"[" + b"9" * 5000 + b"]", "number_precision", "/0"),
    (b"[1e-99999999999999999999]", "number_precision", "/0"),
    (rb'["\ud83d"]', "lone_surrogate", "/0"),
    (rb'{"\udc00":1}', "lone_surrogate", ""),
    (rb'["a\u0000b"]', "nul", "/0"),
    (rb'{"a\u0000":1}', "nul", ""),
    (b"[" * 65 + b"]" * 65, "too_deep", "/0" * 64),
    (b"[" * 100_000, "too_deep", "/0" * 64),
    (b'"' + b"a" * 262_144 + b'"', "too_large", ""),
]


@pytest.mark.parametrize(
    ("raw", "reason", "path"), REFUSED, ids=[f"{r[0][:24]!r}" for r in REFUSED]
)
def test_json_with_two_meanings_is_refused_with_reason_and_place(raw, reason, path):
    with pytest.raises(Ambiguous) as refusal:
        parse(raw)
    assert refusal.value.reason == reason
    if reason != "not_json":
        assert refusal.value.path == path


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b" null ", None),
        (b'{"a":[true,false,{}]}', {"a": [True, False, {}]}),
        (b"[9007199254740991,-9007199254740991]", [2**53 - 1, -(2**53) + 1]),
        (b"[1.50,-0.0,1e2,1E22,5e-324,0e999999]", [1.5, 0, 100, 1e22, 5e-324, 0]),
        (rb'["\ud83d\ude00","\\u0000","\u00e9"]', ["😀", "\\u0000", "é"]),
        (b'{"":1," ":2}', {"": 1, " ": 2}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'"[[[[' + b"[" * 100 + b'"', "[[[[" + "[" * 100),
    ],
)
def test_json_with_one_meaning_is_read(raw, value):
    assert value is None or parse(raw) == value
    parse(raw)


def test_a_surrogate_in_text_that_was_decoded_elsewhere_is_found():
    with pytest.raises(Ambiguous, match="lone_surrogate"):
        parse('["\ud800"]')


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda f: not (f.is_integer() and 2**53 <= abs(f) < 1e21)
    )
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("k"), inner, max_size=1),
    max_leaves=8,
)


@given(JSON)
def test_what_is_read_comes_back_from_its_canonical_bytes(value):
    assert canonical(parse(canonical(value))) == canonical(value)


def test_envelope_without_oddities_is_plain():
    assert parse_marked(b'{"event":"run.started","run_id":"r1"}') == {
        "event": "run.started",
        "run_id": "r1",
    }


def test_ambiguous_arguments_are_marked_whole_and_the_rest_is_kept():
    arguments = b'{"order": 7, "lines": [{"amount": 1, "amount": 900}]}'
    value = parse_marked(
        b'{"run_id":"r1","tool_call":{"name":"refund","arguments": %s}}' % arguments
    )
    assert value["run_id"] == "r1"
    assert value["tool_call"]["name"] == "refund"
    assert value["tool_call"]["arguments"] == Marked(
        "duplicate_key",
        "/tool_call/arguments/lines/0/amount",
        hashlib.sha256(arguments).hexdigest(),
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"NaN", "not_a_number"),
        (b"[1e400]", "number_precision"),
        (rb'"\ud800"', "lone_surrogate"),
        (rb'{"x":"\u0000"}', "nul"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'"' + b"a" * 262_144 + b'"', "too_large"),
    ],
    ids=["nan", "number", "surrogate", "nul", "deep", "large"],
)
def test_every_fault_within_arguments_marks_exactly_their_bytes(raw, reason):
    value = parse_marked(b'{"calls":[{"arguments":' + raw + b'},{"arguments":{"ok":1}}]}')
    marked = value["calls"][0]["arguments"]
    assert (marked.reason, marked.sha256) == (reason, hashlib.sha256(raw).hexdigest())
    assert value["calls"][1]["arguments"] == {"ok": 1}


def test_outside_of_arguments_only_the_odd_value_is_marked():
    value = parse_marked(
        b'{"usage":{"cost":1e999,"steps":3},"deep":' + b"[" * 90 + b"]" * 90 + b"}"
    )
    assert value["usage"]["steps"] == 3
    assert value["usage"]["cost"] == Marked(
        "number_precision", "/usage/cost", hashlib.sha256(b"1e999").hexdigest()
    )
    assert find_marked(value["deep"]).reason == "too_deep"


def test_depth_of_arguments_is_counted_from_where_they_begin():
    arguments = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    value = parse_marked(b'{"a":{"arguments":' + arguments + b"}}")
    assert find_marked(value) is None


def test_envelope_that_repeats_its_own_keys_is_marked_as_a_whole():
    assert isinstance(parse_marked(b'{"run_id":"a","run_id":"b"}'), Marked)


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1e999', b"\xff", b'{"arguments": {"a"}}'])
def test_envelope_that_is_no_json_is_refused(raw):
    with pytest.raises(Ambiguous, match="not_json"):
        parse_marked(raw)
