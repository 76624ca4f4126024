"""Log lines: one JSON object each, nothing forged, nothing secret."""

import json
import logging

import pytest
import structlog

from gateway import logs


def line(record_text: str, **facts: object) -> str:
    """What the formatter makes of an event of ours."""
    event = {"event": record_text, **facts}
    record = logging.LogRecord("gateway", logging.INFO, "", 0, event, (), None)  # type: ignore[arg-type]
    record._logger, record._name = None, "info"
    return logs.json_formatter().format(record)


def test_a_line_break_in_a_value_cannot_forge_a_second_line() -> None:
    text = line("request", path='/x\r\n{"event": "forged"}', agent="a\u2028b\x1b[31m")
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["agent"] == "a\u2028b\x1b[31m"


@pytest.mark.parametrize(
    "name", ["password", "webhook_secret", "Authorization", "api_key", "access_token", "Set-Cookie"]
)
def test_what_stands_under_the_name_of_a_secret_is_masked(name: str) -> None:
    masked = json.loads(line("call", **{name: "hunter2", "headers": {name: "hunter2"}}))
    assert masked[name] == logs.MASK
    assert masked["headers"][name] == logs.MASK


def test_a_very_long_value_is_cut() -> None:
    assert len(line("call", body="x" * 100_000)) < 2 * logs.LONGEST_TEXT


def test_a_record_of_a_library_becomes_the_same_kind_of_line() -> None:
    record = logging.LogRecord("django", logging.ERROR, "", 0, "broken %s", ("pipe",), None)
    found = json.loads(logs.json_formatter().format(record))
    assert (found["event"], found["level"], found["logger"]) == ("broken pipe", "error", "django")


def test_the_correlation_id_is_in_every_line() -> None:
    with structlog.contextvars.bound_contextvars(correlation_id="cor_1"):
        record = logging.LogRecord("django", logging.INFO, "", 0, "hello", (), None)
        assert json.loads(logs.json_formatter().format(record))["correlation_id"] == "cor_1"
