"""Statements of database tools: one, without tricks, and with values only where a value stands."""

import pytest

from gateway.connectors import statements
from gateway.connectors.statements import READING, WRITING, statement
from gateway.tools.render import RenderError

SCHEMA = {"properties": {"id": {}, "note": {}}}


def test_values_are_found_outside_of_texts_and_casts():
    found = statement(
        """UPDATE t SET a = 'x:no', "b:x" = :note::text, c = '100%' WHERE id = :id AND x % 2 = 1""",
        field="sql", verbs=WRITING,
    )  # fmt: skip

    assert found.names == ("note", "id")
    assert found.bound("%({name})s") == (
        """UPDATE t SET a = 'x:no', "b:x" = %(note)s::text, c = '100%%' """
        """WHERE id = %(id)s AND x %% 2 = 1"""
    )
    assert found.bound(":{name}") == found.text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("SELECT 1; DROP TABLE t", "one statement only"),
        ("SELECT 1 -- AND owner = :id", "a comment"),
        ("SELECT 1 /* AND owner = 2 */", "a comment"),
        ("SELECT $$x; y$$", "a dollar sign"),
        ("SELECT $1", "a dollar sign"),
        ("SELECT 'open", "is not closed"),
        ('SELECT "open', "is not closed"),
        (r"SELECT E'\'; DROP TABLE t'", "two meanings"),
        ("SELECT u&'x'", "two meanings"),
        ("SELECT 1\\", "a backslash"),
        ("SELECT 1\0", "a NUL"),
        ("DROP TABLE t", "begin with"),
        ("COPY t TO PROGRAM 'x'", "begin with"),
        ("", "is needed"),
        (None, "is needed"),
        ("SELECT " + "1," * 20_000, "longer than"),
    ],
)
def test_what_could_mean_something_else_is_refused(source, why):
    with pytest.raises(RenderError, match=why):
        statement(source, field="sql", verbs=READING)


@pytest.mark.parametrize(
    "source",
    [
        "WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM t RETURNING 1) UPDATE u SET n = 1",
        "WITH a AS (SELECT 1), b AS MATERIALIZED (insert INTO t VALUES (1)) DELETE FROM u",
        "WITH a AS (WITH b AS (SELECT 1) UPDATE t SET n = 1 RETURNING n) DELETE FROM u",
        "WITH a AS (MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE) DELETE FROM u",
        "WITH a AS (SELECT id FROM t) SELECT id FROM a FOR UPDATE",
        "WITH a AS (SELECT 'x) UPDATE t') SELECT 1",
        'WITH a AS (SELECT 1 AS "x) UPDATE t") TABLE a',
        "WITH a AS (SELECT 1) (SELECT 1)",
    ],
)
def test_a_with_whose_changes_would_not_be_counted_is_refused(source):
    with pytest.raises(RenderError, match="max_rows"):
        statements.check("change", {"sql": source}, SCHEMA)


@pytest.mark.parametrize(
    "source",
    [
        "WITH a AS (SELECT replace(n, 'a', 'b') FROM t) REPLACE INTO t SELECT * FROM a",
        "WITH a AS (SELECT id FROM t WHERE id = :id FOR UPDATE) UPDATE t SET n = 1 FROM a",
        "WITH a AS (SELECT id FROM t FOR NO KEY UPDATE SKIP LOCKED) DELETE FROM t USING a",
        "WITH a(id) AS (VALUES (1)) INSERT INTO t SELECT id FROM a ON CONFLICT DO NOTHING",
        "WITH a AS (SELECT 'delete' AS \"update\") MERGE INTO t USING a ON true "
        "WHEN MATCHED THEN DELETE",
        "UPDATE t SET n = (SELECT max(insert) FROM u)",
    ],
)
def test_a_with_that_ends_in_the_change_is_taken(source):
    statements.check("change", {"sql": source}, SCHEMA)


@pytest.mark.parametrize(
    ("operation", "config", "field"),
    [
        ("query", {"sql": "SELECT :other"}, "sql"),
        ("query", {"sql": "DELETE FROM t"}, "sql"),
        ("query", {"sql": "SELECT 1", "show": "SELECT 1"}, "show"),
        ("change", {"sql": "DELETE FROM t WHERE id = :id", "max_rows": 0}, "max_rows"),
        ("change", {"sql": "DELETE FROM t WHERE id = :id", "timeout_s": 31}, "timeout_s"),
        ("change", {"sql": "DELETE FROM t WHERE id = :id", "ledger": "keys"}, "ledger"),
        ("change_once", {"sql": "DELETE FROM t WHERE id = :id"}, "ledger"),
        ("change_once", {"sql": "DELETE FROM t", "ledger": "keys; x"}, "ledger"),
        ("change", {"sql": "DELETE FROM t", "role": 'a"b'}, "role"),
        ("change", {"sql": "DELETE FROM t", "hosts": "x"}, "hosts"),
    ],
)
def test_a_configuration_that_does_not_hold_together_is_refused(operation, config, field):
    with pytest.raises(RenderError) as found:
        statements.check(operation, config, SCHEMA)
    assert found.value.field == field


def test_what_is_approved_names_statement_values_and_bounds():
    config = {"sql": "UPDATE t SET note = :note WHERE id = :id", "max_rows": 3, "role": "clerk"}

    assert statements.render("change", config, {"id": 7}) == {
        "kind": "sql", "sql": config["sql"], "role": "clerk", "max_rows": 3,
        "values": {"id": 7, "note": None},
    }  # fmt: skip


def test_values_of_columns_are_kept_exactly_or_as_text():
    kept = [True, None, 7, 1.5, "a\0b", 2**53, float("nan"), [1, {"a": b"x"}]]
    assert [statements.plain(value) for value in kept] == [
        True, None, 7, 1.5, "a\N{REPLACEMENT CHARACTER}b", str(2**53), "nan", [1, {"a": "eA=="}],
    ]  # fmt: skip
