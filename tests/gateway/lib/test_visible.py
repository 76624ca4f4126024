"""No character of a payload stays unseen, and no text is changed by showing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lib.visible import Span, confusable_in, hidden_count, hidden_in, reveal

RANGES = [
    range(0x00, 0x09),
    range(0x0B, 0x20),
    range(0x7F, 0xA1),
    [0xAD, 0x34F, 0x61C],
    range(0x200B, 0x2010),
    range(0x2000, 0x200B),
    range(0x2028, 0x2030),
    range(0x205F, 0x2070),
    [0x1680, 0x180E, 0x3000, 0x2800, 0x3164, 0xFEFF, 0xFFA0],
    range(0xFE00, 0xFE10),
    range(0xE0000, 0xE0080),
    range(0xE0100, 0xE01F0),
    [0xE000, 0xF8FF, 0x10FFFD, 0xD800, 0xFFFF],
]
HIDDEN = [point for points in RANGES for point in points]


def test_the_list_of_hidden_characters_is_long_enough():
    assert len(set(HIDDEN)) >= 400


@pytest.mark.parametrize("point", HIDDEN, ids=lambda p: f"U+{p:04X}")
def test_hidden_character_within_a_word_gets_a_span_of_its_own(point):
    spans = reveal(f"pay{chr(point)}pal")
    assert [span.text for span in spans] == ["pay", chr(point), "pal"]
    assert (spans[1].kind, spans[1].label) == ("hidden", f"U+{point:04X}")
    assert spans[1].name


def test_override_is_named():
    assert reveal("a\u202eb")[1] == Span("hidden", "\u202e", "U+202E", "right-to-left override")
    assert reveal("\r")[0].name == "control"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text\n\twith lines",
        "Zürich, Łódź, naïve",
        "Привет, мир",
        "東京タワー",
        "Tシャツ",
        "カレーライス",
        "서울 K팝",
        "שלום",
        "مرحبا",
        "हिन्दी",
        "5 µm × 3 €",
        "😀🚀",
        "e\u0301\u0302\u0303",
        "№ 5 – “ok”…",
    ],
)
def test_honest_text_is_left_alone(text):
    assert all(span.kind == "text" for span in reveal(text))
    assert hidden_count(text) == 0


@pytest.mark.parametrize(
    ("text", "word", "scripts"),
    [
        ("log in at pаypal.example", "pаypal", "CYRILLIC + LATIN"),
        ("αdmin", "αdmin", "GREEK + LATIN"),
        ("ｐaypal", "ｐaypal", "FULLWIDTH + LATIN"),
        ("𝐩𝐚𝐲", "𝐩𝐚𝐲", "MATHEMATICAL"),
    ],
)
def test_word_of_mixed_scripts_is_marked(text, word, scripts):
    marked = [span for span in reveal(text) if span.kind == "confusable"]
    assert [(span.text, span.name) for span in marked] == [(word, scripts)]
    assert confusable_in({"a": [text]}) == 1


def test_piled_marks_are_shown_from_the_fourth_on():
    assert hidden_count("e" + "\u0301" * 3) == 0
    assert hidden_count("e" + "\u0301" * 10) == 7


@given(st.text(st.characters(exclude_categories=[])))
def test_spans_joined_are_the_text_again(text):
    assert "".join(span.text for span in reveal(text)) == text
    assert all(span.text for span in reveal(text))


def test_hidden_characters_are_counted_in_keys_and_values():
    assert hidden_in({"a\u200b": ["\u202e", {"b": "\0\0"}], "n": 1, "x": None}) == 4
    assert hidden_in("ok") == 0
