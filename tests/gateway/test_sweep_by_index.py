"""The sweep looks once a second: what it reads must not grow with what is done long ago."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway import sweeps

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="It asks for SQLite's plans"),
]
# Of these there is a row for all that ever was asked, done or said.
GROWING = re.compile(
    r"SCAN (approvals_action|approvals_execution|runs_run|runs_report|runs_runevent|webhooks_event"
    r"|notices_notice|audit_auditrecord)\b(?: USING (?:COVERING )?INDEX (\w+))?"
)


def partial_indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'")
        return {name for (name,) in cursor.fetchall()}


def test_a_sweep_reads_no_table_that_grows_from_end_to_end():
    with CaptureQueriesContext(connection) as caught:
        sweeps.sweep()
    partial = partial_indexes()
    asked = {query["sql"] for query in caught if query["sql"].startswith(("SELECT", "UPDATE"))}
    assert len(asked) > 10
    for statement in asked:
        for step in plan(statement):
            found = GROWING.match(step)
            assert found is None or found[2] in partial, f"{step}\n{statement}"


def plan(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        # Past Django's cursor, which would look for its own placeholders in the text.
        return [row[3] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
