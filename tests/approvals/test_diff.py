"""A reviewer sees every difference between before and after, and none that is not there."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.diff import ABSENT, Word, compare, words


def changes(before, after):
    return [(c.kind, c.path, c.before, c.after) for c in compare(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [("changed", "/a", 1, 2)]),
        ({"a": 1}, {"a": "1"}, [("type_changed", "/a", 1, "1")]),
        ({"a": 1}, {"a": True}, [("type_changed", "/a", 1, True)]),
        ({"a": None}, {"a": 0}, [("type_changed", "/a", None, 0)]),
        ({"a": None}, {}, [("removed", "/a", None, None)]),
        ({}, {"a": {"b": [1, {}]}}, [("added", "/a/b/0", None, 1), ("added", "/a/b/1", None, {})]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [("changed", "/a~1b/~0", 1, 2)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("type_changed", "/a", [1], {"0": 1})]),
        ([1, 2, 3], [1, 3], [("removed", "/1", 2, None)]),
        ([1, 3], [1, 2, 3], [("added", "/1", None, 2)]),
        ([1, True], [1, 1], [("type_changed", "/1", True, 1)]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 5}], [("changed", "/1/a", 2, 5)]),
        ("a", "b", [("changed", "", "a", "b")]),
    ],
)
def test_every_difference_is_listed_by_path(before, after, expected):
    assert changes(before, after) == expected


def test_without_a_before_every_path_counts_as_added():
    assert changes(ABSENT, {"a": {"b": 1}, "c": []}) == [
        ("added", "/a/b", None, 1),
        ("added", "/c", None, []),
    ]
    assert changes({"a": 1}, ABSENT) == [("removed", "/a", 1, None)]
    assert changes(ABSENT, ABSENT) == []


def test_objects_in_lists_are_matched_by_their_id():
    before = [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}, {"id": 3, "n": "c"}]
    after = [{"id": 3, "n": "c"}, {"id": 1, "n": "A"}, {"id": 4, "n": "d"}]
    assert changes(before, after) == [
        ("moved", "/0", 2, 0),
        ("changed", "/1/n", "a", "A"),
        ("added", "/2/id", None, 4),
        ("added", "/2/n", None, "d"),
        ("removed", "/1/id", 2, None),
        ("removed", "/1/n", "b", None),
    ]


def test_an_inserted_entry_moves_nobody():
    before = [{"id": n} for n in range(5)]
    after = [{"id": "new"}, *copy.deepcopy(before)]
    assert changes(before, after) == [("added", "/0/id", None, "new")]


def test_ids_that_repeat_do_not_match_entries():
    before = [{"id": 1, "n": 1}, {"id": 1, "n": 2}]
    after = [{"id": 1, "n": 1}, {"id": 1, "n": 3}]
    assert changes(before, after) == [("changed", "/1/n", 2, 3)]


def test_long_lists_are_compared_place_by_place():
    before = list(range(5000))
    assert changes(before, [*before[:-1], 9]) == [("changed", "/4999", 4999, 9)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def strict(value):
    """A form in which True and 1 differ, as they do in JSON."""
    return repr(sorted_keys(value))


def sorted_keys(value):
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(inner) for inner in value] if isinstance(value, list) else value


@given(JSON, JSON)
def test_there_are_changes_exactly_where_documents_differ(before, after):
    assert bool(compare(before, after)) == (strict(before) != strict(after))


@given(JSON)
def test_a_document_equals_its_copy(value):
    assert compare(value, copy.deepcopy(value)) == ()


def test_words_are_marked():
    assert words("Pay 100 EUR now", "Pay 900 EUR") == (
        Word("same", "Pay "),
        Word("removed", "100"),
        Word("added", "900"),
        Word("same", " EUR"),
        Word("removed", " now"),
    )


@given(st.text(), st.text())
def test_marked_words_give_both_texts_back(before, after):
    marked = words(before, after)
    assert "".join(w.text for w in marked if w.mark != "added") == before
    assert "".join(w.text for w in marked if w.mark != "removed") == after


def test_very_long_texts_are_marked_by_line_or_as_a_whole():
    text = "word " * 3000
    assert words(text, text + "x") == (Word("removed", text), Word("added", text + "x"))
    lines = "a b c d e f g\n" * 500
    assert words(lines, lines + "x")[-1] == Word("added", "x")
