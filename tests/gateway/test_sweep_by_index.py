"""The sweep looks once a second: what it reads must not grow with what is done long ago."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway import sweeps

pytestmark = pytest.mark.django_db
# Of these there is a row for all that ever was asked, done or said.
GROWING = (
    "approvals_action", "approvals_execution", "audit_auditrecord", "notices_notice",
    "runs_report", "runs_run", "runs_runevent", "webhooks_event",
)  # fmt: skip
SQLITE_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
PARTIAL = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE%'",
}

# A table that is read from end to end, and the index that leads through it: none, or one whose rows
# are only those that are open.
Scan = tuple[str, str | None]


def test_a_sweep_reads_no_table_that_grows_from_end_to_end():
    scans = sqlite_scans if connection.vendor == "sqlite" else postgresql_scans
    with CaptureQueriesContext(connection) as caught:
        sweeps.sweep()
    partial = {name for (name,) in rows(PARTIAL[connection.vendor])}
    asked = {query["sql"] for query in caught if query["sql"].startswith(("SELECT", "UPDATE"))}
    assert len(asked) > 10
    for statement in asked:
        for table, index in scans(statement):
            assert table not in GROWING or index in partial, f"{table} by {index}\n{statement}"


def test_a_table_that_is_read_from_end_to_end_is_found():
    """The planted fault: what no index serves, and what only a whole index does."""
    scans = sqlite_scans if connection.vendor == "sqlite" else postgresql_scans
    for statement in (
        "SELECT id FROM approvals_action WHERE reason = 'x'",
        "SELECT id FROM approvals_action ORDER BY id LIMIT 1",
    ):
        assert [table for table, _ in scans(statement)] == ["approvals_action"]


def rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def sqlite_scans(statement: str) -> Iterator[Scan]:
    with connection.cursor() as cursor:
        steps = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    for step in steps:
        if found := SQLITE_SCAN.match(step[3]):
            yield found[1], found[2]


def postgresql_scans(statement: str) -> Iterator[Scan]:
    # A small table is read whole whatever its indexes; so is a large one that has none for this.
    rows("SET LOCAL enable_seqscan = off")
    [(plan,)] = rows(f"EXPLAIN (FORMAT JSON) {statement}")
    plans = json.loads(plan) if isinstance(plan, str) else plan
    yield from _scans_of(plans[0]["Plan"])


def _scans_of(node: dict[str, Any], table: str = "") -> Iterator[Scan]:
    table = node.get("Relation Name", table)
    kind = node["Node Type"]
    if kind == "Seq Scan":
        yield table, None
    elif "Index" in kind and "Index Cond" not in node:
        yield table, node["Index Name"]
    for below in node.get("Plans", ()):
        yield from _scans_of(below, table)
