"""The payload on the page is the payload that is stored, whatever is in it."""

import re
from html import unescape

import pytest
from django.template import engines
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.canonical import canonical
from gateway.desk.payload import is_compact_json, lines, original

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
HOSTILE = [
    '{"name":"statement_\u202efdp.exe"}',
    '{"iban":"DE44\u200b5001"}',
    '{"a":"</code><script>alert(1)</script>","b":"\\"quoted\\": [1, {}]"}',
    '{"k:e,y{}":[{},[],"[]"]}',
    "[]",
    '{"host":"h\u0430lden-supply.example"}',
    '{"tags":"\U000e0041\U000e0042"}',
]


def shown(text: str) -> str:
    """What a reader's browser has in the page, decoded back to the text it stands for."""
    page = engines["django"].from_string('{% load desk %}{% payload_lines text "Payload" %}')
    html = page.render({"text": text})
    layout = re.search(r'data-layout="(\w+)"', html).group(1)
    inner = re.search(r"<code[^>]*>(.*)</code>", html, re.DOTALL).group(1)
    inner = re.sub(
        r'<span class="cs-uni" data-char="U\+([0-9A-F]+)"[^>]*>[^<]*</span>', _character, inner
    )
    rows = re.split(r'(?:^|</span>)<span(?: class="hit")?>(?=(?:<span class="k">)?)', inner)
    text = "\n".join(unescape(re.sub(r"<[^>]+>", "", row)) for row in rows if row)
    return original(text) if layout == "json" else text


def _character(match: re.Match[str]) -> str:
    return f"&#x{match.group(1)};"


@pytest.mark.parametrize("text", HOSTILE)
def test_decoding_the_page_gives_the_stored_text(text):
    assert shown(text) == text


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_the_layout_of_canonical_json_can_be_taken_back(value):
    text = canonical(value).decode()
    rows = ["".join(s.text for s in (*line.key, *line.rest)) for line in lines(text)]
    assert is_compact_json(text)
    assert original("\n".join(rows)) == text


def test_quotation_marks_without_end_cost_no_more_than_other_text():
    # Tried from each of them to the end, these would take minutes.
    assert not is_compact_json("{" + '\\"' * 100_000)


def test_every_member_has_a_line_of_its_own():
    assert len(lines('{"a":1,"b":{"c":[1,2]}}')) == 9


def test_text_that_is_no_json_is_shown_as_it_is():
    assert ["".join(s.text for s in line.rest) for line in lines("a b\n  c")] == ["a b", "  c"]


def test_a_line_with_a_hidden_character_is_marked():
    assert [line.is_hit for line in lines('{"a":"x","b":"y\u202e"}')] == [False, False, True, False]


def test_markup_in_a_payload_stays_text():
    page = engines["django"].from_string('{% load desk %}{% payload_lines text "Payload" %}')
    assert "<script" not in page.render({"text": '{"a":"<script>alert(1)</script>"}'})
