"""The documentation names every fact, as the code that gathers them does."""

from pathlib import Path

from approvals.policy.reference import FACTS, as_markdown
from approvals.policy.rules import VARIABLES

DOCS = Path(__file__).parents[3] / "docs" / "policies.md"


def test_documentation_prints_the_table_of_facts():
    assert as_markdown() in DOCS.read_text()


def test_every_variable_is_described():
    assert {fact.name.partition(".")[0] for fact in FACTS} == set(VARIABLES)
