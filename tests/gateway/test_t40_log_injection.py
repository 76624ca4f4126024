"""T40: whatever is logged is exactly one line, which reads back as what was said."""

import io
import json
import logging
from pathlib import Path

import pytest
import structlog

from gateway import logs

NAUGHTY = json.loads(
    (Path(__file__).parents[1] / "corpora/naughty-strings/blns.json").read_text(encoding="utf-8")
)
FIELDS = (
    "path", "agent", "reason", "error", "url", "event_type", "tool", "source", "host",
    "correlation_id",
)  # fmt: skip


@pytest.fixture
def written():
    """What the deployment's own handler and formatter write."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.json_formatter())
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_t40_each_of_515_strings_in_each_of_ten_fields_is_one_line_that_reads_back(written):
    assert len(NAUGHTY) == 515
    log = structlog.get_logger("gateway.t40")
    for string in NAUGHTY:
        for field in FIELDS:
            log.warning("t40", **{field: string})

    lines = written.getvalue().split("\n")[:-1]
    assert len(lines) == len(NAUGHTY) * len(FIELDS)
    assert all(line.isascii() and line.isprintable() for line in lines)
    told = iter(map(json.loads, lines))
    assert all(next(told)[field] == string for string in NAUGHTY for field in FIELDS)


def test_t40_a_library_and_an_exception_that_say_them_make_one_line_each(written):
    library = logging.getLogger("some.library")
    for string in NAUGHTY:
        library.warning("it said %s", string)
        try:
            raise ValueError(string)
        except ValueError:
            library.exception("it failed")

    lines = written.getvalue().split("\n")[:-1]
    assert len(lines) == 2 * len(NAUGHTY)
    assert all(json.loads(line)["logger"] == "some.library" for line in lines)
