"""What the explorer of the log escapes."""

from audit.escaping import escaped
from tests.rendering import corpus


def test_whatever_no_reader_would_see_is_escaped():
    points = corpus.invisible()
    assert len(points) > 400
    assert [hex(ord(one)) for one in points if one in escaped(f"wo{one}rd")] == []


def test_words_of_any_language_stay_words():
    for text in ("Müller", "Ελένη", "東京", "नमस्ते", "👍 done", "ok: it was “approved”"):
        assert escaped(text) == text
