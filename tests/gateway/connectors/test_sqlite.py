"""The SQLite connector on real files: inside its folder, within its bounds, once per key."""

import resource
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from gateway.connectors.base import OutcomeStatus, Secret
from gateway.connectors.sqlite import SqliteConnector
from gateway.http.errors import OutsideError

CONNECTOR = SqliteConnector()
RENAME = {
    "sql": "UPDATE orders SET note = :note WHERE id = :order_id",
    "show": "SELECT id, note FROM orders WHERE id = :order_id",
}
ARGUMENTS = {"note": "It's urgent: 100%", "order_id": 1}


@pytest.fixture
def file(settings, tmp_path):
    settings.SQLITE_DIR = tmp_path / "databases"
    settings.SQLITE_DIR.mkdir()
    path = settings.SQLITE_DIR / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, picture BLOB)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", [(n, f"note {n}", b"\xff") for n in range(1, 6)]
        )
        database.execute("CREATE TABLE effects (key TEXT PRIMARY KEY, result TEXT)")
    return path


@pytest.fixture
def ask(file, attempt):
    def make(operation, config, arguments=None, *, dsn="sqlite:///shop.db", **more):
        return attempt(
            "sqlite", operation, config, arguments or {}, allow="127.0.0.1:1",
            secret=Secret("dsn", dsn), **more,
        )  # fmt: skip

    return make


def note(file, number=1):
    with sqlite3.connect(file) as database:
        return database.execute("SELECT note FROM orders WHERE id = ?", [number]).fetchone()[0]


def test_rows_are_read_as_json_up_to_the_limit(ask):
    query = {"sql": "SELECT id, picture FROM orders ORDER BY id", "max_rows": 1}

    outcome = CONNECTOR.execute(ask("query", query))

    assert outcome.result == {"rows": [{"id": 1, "picture": "/w=="}], "has_more": True}


def test_a_preview_leaves_no_trace_and_a_change_does(ask, file):
    preview = CONNECTOR.preview(ask("change", RENAME, ARGUMENTS))
    assert preview.after["rows"] == [{"id": 1, "note": "It's urgent: 100%"}]
    assert note(file) == "note 1"

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS))

    assert outcome.result == {"rows_changed": 1}
    assert note(file) == "It's urgent: 100%"


def test_more_rows_than_allowed_are_not_changed(ask, file):
    every = {"sql": "UPDATE orders SET note = :note RETURNING id", "max_rows": 4}

    outcome = CONNECTOR.execute(ask("change", every, {"note": "all"}))

    assert (outcome.reason, note(file)) == ("too_many_rows", "note 1")


def test_what_a_with_changes_is_counted(ask, file):
    every = "WITH some AS (SELECT 'x' AS note) UPDATE orders SET note = (SELECT note FROM some)"
    one = f"{every} WHERE id = 1"

    outcomes = [CONNECTOR.execute(ask("change", {"sql": sql})) for sql in (every, one)]

    assert [outcome.reason for outcome in outcomes] == ["too_many_rows", ""]
    assert outcomes[1].result == {"rows_changed": 1}
    assert (note(file), note(file, 5)) == ("x", "note 5")


def test_a_change_that_changes_nothing_counts_nothing(ask, file):
    config = {"sql": "DELETE FROM orders WHERE id = 7", "ledger": "effects"}

    assert CONNECTOR.execute(ask("change_once", config)).result == {"rows_changed": 0}


def test_a_with_that_only_reads_is_no_change_whatever_was_approved(ask):
    request = ask("change", {"sql": "DELETE FROM orders"})
    sql = "WITH some AS (SELECT id FROM orders) SELECT id FROM some"
    request = replace(request, rendered={**request.rendered, "sql": sql})

    outcome = CONNECTOR.execute(request)

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "statement_refused")
    with pytest.raises(OutsideError, match="max_rows"):
        CONNECTOR.preview(request)


def test_a_key_has_one_effect_and_is_remembered(ask, file):
    config = {"sql": "UPDATE orders SET note = note || '!' WHERE id = :order_id",
              "ledger": "effects"}  # fmt: skip
    request = ask("change_once", config, {"order_id": 1}, key="act_once")
    assert CONNECTOR.lookup(request) is None

    first, again = CONNECTOR.execute(request), CONNECTOR.execute(request)

    assert first == again == CONNECTOR.lookup(request)
    assert note(file) == "note 1!"


def test_a_locked_file_and_an_endless_statement_are_left(ask, file):
    endless = {
        "sql": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT max(i) FROM n",
        "timeout_s": 1,
    }
    outcome = CONNECTOR.execute(ask("query", endless))
    assert (outcome.status, outcome.retryable) == (OutcomeStatus.FAILED, True)

    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        outcome = CONNECTOR.execute(ask("change", {**RENAME, "timeout_s": 1}, ARGUMENTS))
    assert (outcome.status, outcome.retryable) == (OutcomeStatus.FAILED, True)


@contextmanager
def no_file_beyond(size):
    """The system writes nothing behind so many bytes of a file, as on a disk that fails there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fails_at_the_commit_leaves_it_unknown(ask, file):
    with sqlite3.connect(file) as database:
        rows = [(number, "note", b"x" * 1000) for number in range(6, 300)]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    request = ask("change", RENAME, {"note": "the last page's", "order_id": 299})

    with no_file_beyond(100_000):
        outcome = CONNECTOR.execute(request)

    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "commit_lost")
    assert outcome.may_have_happened
    assert "disk I/O error" in outcome.error


def test_a_commit_that_a_reader_keeps_out_has_not_happened(ask, file):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM orders").fetchall()
        outcome = CONNECTOR.execute(ask("change", {**RENAME, "timeout_s": 1}, ARGUMENTS))

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "database_refused")
    assert outcome.retryable
    assert note(file) == "note 1"


@pytest.mark.parametrize(
    "dsn",
    [
        "sqlite:///../outside.db", "sqlite:////etc/passwd", "sqlite:///%2e%2e/outside.db",
        "sqlite:///", "sqlite:///a%00b", "postgresql://a/b", "sqlite:///missing.db",
    ],
)  # fmt: skip
def test_only_files_of_the_folder_are_opened_and_none_is_made(ask, file, dsn):
    outside = file.parent.parent / "outside.db"
    outside.write_bytes(file.read_bytes())

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS, dsn=dsn))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.reason in ("wrong_connection", "connect")
    assert note(outside) == "note 1"
    assert sorted(path.name for path in file.parent.iterdir()) == ["shop.db"]


def test_a_number_that_does_not_fit_is_refused(ask, file):
    outcome = CONNECTOR.execute(ask("change", RENAME, {"note": "x", "order_id": 2**70}))
    assert (outcome.reason, note(file)) == ("database_refused", "note 1")
