"""A scope covers one, or each by itself, and nothing else."""

import pytest

from gateway.budgets.scopes import Scope, ScopeError, Subjects, parse, subject

USE = Subjects(agent="ada", tool="refund", run="run_1", tags={"project_id": "shop", "user_id": 7})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tenant", "tenant"),
        ("environment", "environment"),
        ("agent", "agent:ada"),
        ("agent:ada", "agent:ada"),
        ("agent:bob", None),
        ("agent:refund", None),
        ("tool:refund", "tool:refund"),
        ("run", "run:run_1"),
        ("project_id:shop", "project_id:shop"),
        ("project_id", "project_id:shop"),
        # A tag that is no text names nobody.
        ("user_id", None),
    ],
)
def test_a_use_is_counted_where_the_scope_covers_it(text, found):
    assert subject(parse(text), USE) == found


@pytest.mark.parametrize("text", ["", "agents", "environment:x", "run:run_1", "agent:" + "x" * 201])
def test_a_text_that_names_no_scope_is_refused(text):
    with pytest.raises(ScopeError):
        parse(text)


def test_a_scope_reads_as_it_was_written():
    assert [str(parse(text)) for text in ("agent:ada", "run")] == ["agent:ada", "run"]
    assert parse("agent:a:b") == Scope("agent", "a:b")
