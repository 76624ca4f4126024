"""CSV cells and the span of a page."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.desk.templatetags.desk import span
from gateway.lib.html import cell


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\tx", "\rx", "\uff1d1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), (None, ""), (12, "12"), (True, "True")],
)
def test_other_cells_stay_as_they_are(value, text):
    assert cell(value) == text


def test_times_are_written_with_their_zone():
    assert cell(datetime(2026, 11, 23, 10, 0, tzinfo=UTC)) == "2026-11-23T10:00:00+00:00"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.05, "0.05 s"),
        (3.25, "3.2 s"),
        (59, "59 s"),
        (278, "4 min 38 s"),
        (7000, "1 h 56 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds, words):
    assert span(timedelta(seconds=seconds)) == words
