"""docs/privacy.md says of every table what the code does with it."""

from pathlib import Path

import pytest

from gateway.retention import table

PAGE = Path(__file__).parents[3] / "docs" / "privacy.md"


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    assert table.written_into(text) == text, "run: python manage.py retention_table --write"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="has no"):
        table.written_into("# Privacy")
