"""A tenant's lists are refused unless their patterns are linear and their number is bounded."""

import pytest

from gateway.lib.wordlists import ListError, compile_lists, load


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"name": "a"}, "list of at most"),
        ([{"name": "Big Name", "words": ["x"]}], "its name"),
        ([{"name": "a"}], "needs a word or a pattern"),
        ([{"name": "a", "words": [""]}], "list of texts"),
        ([{"name": "a", "words": ["x" * 81]}], "at most 80"),
        ([{"name": "a", "words": ["x"], "colour": "red"}], "an object with"),
        ([{"name": "a", "words": ["x"]}, {"name": "a", "words": ["y"]}], "same name"),
        ([{"name": "a", "words": [f"w{n}" for n in range(201)]}], "at most 200"),
        ([{"name": f"l{n}", "words": ["x"]} for n in range(21)], "at most 20"),
        ([{"name": "a", "patterns": ["(?=x)y"]}], "look-around"),
        ([{"name": "a", "patterns": [r"(a)\1"]}], "not supported"),
        ([{"name": "a", "patterns": ["["]}], "no pattern"),
        ([{"name": "a", "patterns": ["x*"]}], "empty text"),
        ([{"name": "a", "patterns": ["x" * 201]}], "at most 200 characters"),
        ([{"name": "a", "patterns": ["(?:a{1000}){1000}"]}], "no pattern"),
    ],
)
def test_list_that_cannot_be_used_is_refused_with_its_reason(lists, says):
    with pytest.raises(ListError, match=says):
        compile_lists(lists)


@pytest.mark.parametrize("word", ["C++", "a.b", "[x]", "50-50", "Müller", "price $"])
def test_word_is_taken_by_its_letters_not_as_a_pattern(word):
    lists = load([{"name": "words", "words": [word]}])
    assert list(lists.kinds_in(f"it is {word.upper()}!")) == ["list:words"]
    assert list(lists.kinds_in(f"it is x{word}x")) == []


def test_no_lists_find_nothing():
    assert list(load([]).kinds_in("anything")) == []
