"""Caps: which there are, which values they take, and which of several counts."""

import pytest

from gateway.agents import caps
from gateway.lib.errors import Refused


@pytest.mark.parametrize(
    "given",
    [{"max_step": 1}, {"max_steps": 0}, {"max_steps": 1.5}, {"max_steps": "3"}, {"max_steps": True},
     {"max_tool_calls": -1}, {"timeout_s": caps.MOST + 1}, {"timeout_s": None}],
    ids=str,
)  # fmt: skip
def test_what_is_no_cap_is_refused(given):
    with pytest.raises(Refused):
        caps.check(given)


def test_every_cap_has_words():
    given = dict.fromkeys(caps.CAPS, 1_000)
    caps.check(given)
    words = caps.in_words(given)
    assert len(words) == len(caps.CAPS)
    assert words[0] == "at most 1,000 steps in a run"


def test_the_smallest_counts_and_none_is_no_cap():
    assert caps.smallest("max_steps", {"max_steps": 5}, {"max_steps": 3}) == 3
    assert caps.smallest("max_steps", {}, {"max_steps": 3}) == 3
    assert caps.smallest("max_steps", {}, {"timeout_s": 3}) is None
