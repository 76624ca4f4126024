"""What the documentation names exists: tests, files, and pages it links to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Page and how many tests it names at least.
PROVEN = {
    "docs/approvals.md": 40,
    "docs/assurance.md": 40,
    "docs/connectors.md": 10,
    "docs/execution.md": 15,
    "docs/notifications.md": 10,
    "docs/outbound.md": 20,
}
NAMED = re.compile(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`")
FILE = re.compile(r"`((?:approvals|audit|gateway|webhooks)/[\w/.-]+)`")


def rows(page: str) -> list[str]:
    """The rows of the page's tables, without their heads."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith("| ")]
    return [line for line in found if not line.startswith(("| ---", "| capability", "| what h"))]


@pytest.mark.parametrize("page", PROVEN)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > PROVEN[page]
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not test or re.search(rf"^\s*(?:async )?def {test}\(", text, re.MULTILINE), (
            f"{page} names {file}::{test}, which is not there"
        )


@pytest.mark.parametrize("page", PROVEN)
def test_every_place_that_a_page_names_exists(page: str) -> None:
    for place in FILE.findall((ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / place).exists(), f"{page} names {place}, which is not there"


def test_every_capability_of_the_gate_names_a_test_and_a_place() -> None:
    for row in rows("docs/approvals.md"):
        assert NAMED.search(row), row
        for place in FILE.findall(row):
            assert (ROOT / place).exists(), f"{place} is named and not there: {row}"


def test_the_tables_of_assurance_have_every_test_once() -> None:
    text = (ROOT / "docs" / "assurance.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^\| (T\d\d) \|", text, re.MULTILINE)
    assert numbers == [f"T{number:02d}" for number in range(1, 65)]
