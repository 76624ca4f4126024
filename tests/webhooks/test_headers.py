"""Kept headers tell the media type, whole or by a look at that one line."""

import pytest

from webhooks.headers import content_type_in, content_type_of, pairs_of

KEPT = [
    None,
    b"",
    b"content-type: application/json",
    b"host: a\ncontent-type: text/plain; charset=utf-8\ncontent-type: application/json\nx: 1",
    b"host: a\nx-content-type: text/plain",
    b"x: content-type: text/plain\ncontent-type: \xe4",
    b"content-type: \nhost: a",
    b"content-type:text/plain",
]


@pytest.mark.parametrize("kept", KEPT)
def test_both_readers_find_the_same_media_type(kept: bytes | None) -> None:
    assert content_type_of(kept) == content_type_in(pairs_of(kept))


def test_the_first_media_type_counts() -> None:
    assert content_type_of(KEPT[3]) == "text/plain; charset=utf-8"
