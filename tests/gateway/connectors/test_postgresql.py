"""The PostgreSQL connector against a real server: what was approved, once, within its bounds."""

import threading
import time
from dataclasses import replace

import pytest

from gateway.connectors.base import OutcomeStatus, Secret
from gateway.connectors.postgresql import PostgresqlConnector
from gateway.http.client import client
from gateway.http.errors import OutsideError
from tests.doubles.postgres import postgres

CONNECTOR = PostgresqlConnector()
NAME, USER = "countersign_connector", "countersign_connector"
RENAME = {
    "sql": "UPDATE orders SET note = :note WHERE id = :order_id",
    "show": "SELECT id, note FROM orders WHERE id = :order_id",
}
ARGUMENTS = {"note": "It's urgent: 100%", "order_id": 1}
LEDGER = "countersign_effects"


@pytest.fixture(scope="module")
def server():
    with postgres() as line:
        with line.owner() as owner:
            owner.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
            owner.execute(f"DROP ROLE IF EXISTS {USER}")
            owner.execute(f"CREATE ROLE {USER} LOGIN")
            owner.execute(f"CREATE DATABASE {NAME} OWNER {USER}")
        yield line
        with line.owner() as owner:
            owner.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
            owner.execute(f"DROP ROLE {USER}")


@pytest.fixture
def line(server):
    with server.owner(NAME) as owner:
        owner.execute("DROP TABLE IF EXISTS orders, countersign_effects")
        owner.execute("CREATE TABLE orders (id int PRIMARY KEY, note text, total numeric(9, 2))")
        owner.execute(
            "INSERT INTO orders SELECT n, 'note ' || n, n * 10 FROM generate_series(1, 5) AS n"
        )
        owner.execute(
            f"CREATE TABLE {LEDGER} (key text PRIMARY KEY, result jsonb, "
            "at timestamptz NOT NULL DEFAULT now())"
        )
        owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER}")
    server.loses_commit = server.is_silent = server.drops_options = False
    server.says_of_commit = ""
    return server


@pytest.fixture
def ask(line, attempt):
    def make(operation, config, arguments=None, *, dsn="", allow="", **more):
        secret = Secret("dsn", dsn or line.dsn(USER, NAME))
        return attempt(
            "postgresql", operation, config, arguments or {}, allow=allow or line.host_port,
            secret=secret, **more,
        )  # fmt: skip

    return make


def note(line, number=1):
    with line.owner(NAME) as owner:
        return owner.execute("SELECT note FROM orders WHERE id = %s", [number]).fetchone()[0]


def test_rows_are_read_as_json_up_to_the_limit(ask):
    query = {"sql": "SELECT id, total FROM orders WHERE id >= :least ORDER BY id", "max_rows": 2}

    outcome = CONNECTOR.execute(ask("query", query, {"least": 2}))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result == {
        "rows": [{"id": 2, "total": "20.00"}, {"id": 3, "total": "30.00"}], "has_more": True,
    }  # fmt: skip
    assert not outcome.may_have_happened


def test_a_reading_tool_changes_nothing_even_where_its_statement_would(ask, line):
    sneaky = {"sql": "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone"}

    outcome = CONNECTOR.execute(ask("query", sneaky))

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "sqlstate_25006")
    assert note(line) == "note 1"


def test_a_preview_shows_before_and_after_and_leaves_no_trace(ask, line):
    preview = CONNECTOR.preview(ask("change", RENAME, ARGUMENTS))

    assert preview.before["rows"] == [{"id": 1, "note": "note 1"}]
    assert preview.after["rows"] == [{"id": 1, "note": "It's urgent: 100%"}]
    assert preview.after["rows_changed"] == 1
    assert note(line) == "note 1"


def test_a_change_is_made_with_its_values_as_they_are(ask, line):
    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS))

    assert (outcome.status, outcome.result) == (OutcomeStatus.SUCCEEDED, {"rows_changed": 1})
    assert note(line) == "It's urgent: 100%"


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE orders; --", "1 OR 1=1", "\\'; DELETE FROM orders", "%s %(note)s $1"]
)
def test_a_value_never_becomes_part_of_the_statement(ask, line, value):
    CONNECTOR.execute(ask("change", RENAME, {"note": value, "order_id": 1}))

    assert (note(line), note(line, 2)) == (value, "note 2")


def test_more_rows_than_allowed_are_not_changed(ask, line):
    every = {"sql": "UPDATE orders SET note = :note", "max_rows": 4}

    outcome = CONNECTOR.execute(ask("change", every, {"note": "all"}))

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "too_many_rows")
    assert "5 rows" in outcome.error
    assert note(line) == "note 1"


def approved_before(request, sql):
    """The attempt of an action whose statement was approved when it was not judged as now."""
    return replace(request, rendered={**request.rendered, "sql": sql})


@pytest.mark.parametrize(
    "sql",
    [
        "WITH gone AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM orders WHERE id > 1 RETURNING 1) UPDATE orders SET note = 'x' "
        "WHERE id = 1",
        "WITH update AS (SELECT changed_all() AS n) SELECT n FROM update",
    ],
)
def test_rows_that_a_with_would_change_uncounted_stay_whatever_was_approved(ask, line, sql):
    with line.owner(NAME) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION changed_all() RETURNS int LANGUAGE sql AS "
            "$$ UPDATE orders SET note = 'changed'; SELECT 1 $$"
        )
    request = approved_before(ask("change", {"sql": "DELETE FROM orders"}), sql)

    outcome = CONNECTOR.execute(request)

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "statement_refused")
    assert "max_rows" in outcome.error
    with pytest.raises(OutsideError, match="max_rows"):
        CONNECTOR.preview(request)
    assert [note(line, number) for number in (1, 5)] == ["note 1", "note 5"]


def test_a_with_that_ends_in_the_change_is_counted(ask, line):
    every = "WITH few AS (SELECT id FROM orders FOR UPDATE) UPDATE orders SET note = 'x' FROM few"
    one = f"{every} WHERE orders.id = few.id AND few.id = 1"

    outcomes = [CONNECTOR.execute(ask("change", {"sql": sql})) for sql in (every, one)]

    assert [outcome.reason for outcome in outcomes] == ["too_many_rows", ""]
    assert [note(line, number) for number in (1, 5)] == ["x", "note 5"]


def test_a_lost_answer_to_the_commit_is_unknown(ask, line):
    line.loses_commit = True

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS))

    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.UNKNOWN, True)


@pytest.mark.parametrize(
    "sqlstate", ["08P01", "08006", "08007", "40003", "57P01", "57014", "53300", "58000", "XX000"]
)
def test_an_error_at_the_commit_that_is_no_word_on_its_end_is_unknown(ask, line, sqlstate):
    line.says_of_commit = sqlstate

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS))

    assert note(line) == "It's urgent: 100%"
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.UNKNOWN, True)
    assert sqlstate in outcome.error


@pytest.mark.parametrize(
    ("trouble", "sqlstate"),
    [
        ("RAISE EXCEPTION 'not today'", "P0001"),
        ("PERFORM 1 / 0", "22012"),
        ("PERFORM nothing()", "42883"),
        ("UPDATE orders SET id = 2 WHERE id = 1", "23505"),
        ("RAISE SQLSTATE '40001'", "40001"),
    ],
)
def test_what_the_server_refuses_at_the_commit_has_not_happened(ask, line, trouble, sqlstate):
    with line.owner(NAME) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION at_the_end() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {trouble}; RETURN NULL; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER UPDATE OF note ON orders "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_the_end()"
        )

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS))

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, f"sqlstate_{sqlstate}")
    assert not outcome.may_have_happened
    assert note(line) == "note 1"


def test_with_a_table_of_keys_a_lost_answer_is_found_and_nothing_happens_twice(ask, line):
    config = {**RENAME, "sql": "UPDATE orders SET note = note || :note WHERE id = :order_id",
              "ledger": LEDGER}  # fmt: skip
    request = ask("change_once", config, {"note": "!", "order_id": 1}, key="act_once")
    assert CONNECTOR.lookup(request) is None
    line.loses_commit = True

    lost = CONNECTOR.execute(request)
    found, again = CONNECTOR.lookup(request), CONNECTOR.execute(request)

    assert lost.status is OutcomeStatus.UNKNOWN
    assert found == again
    assert found.result == {"rows_changed": 1}
    assert note(line) == "note 1!"


def test_eight_at_once_with_one_key_have_one_effect(ask, line):
    config = {"sql": "UPDATE orders SET total = total + :more WHERE id = 1", "ledger": LEDGER}
    outcomes = []

    def run():
        request = ask("change_once", config, {"more": 1}, key="act_race")
        outcomes.append(CONNECTOR.execute(request).status)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with line.owner(NAME) as owner:
        total = owner.execute("SELECT total FROM orders WHERE id = 1").fetchone()[0]
    assert (int(total), set(outcomes)) == (11, {OutcomeStatus.SUCCEEDED})


def test_a_server_that_says_nothing_more_is_left_at_the_deadline(ask, line):
    request = ask("change", RENAME, ARGUMENTS)
    hurried = type(request)(**{**vars(request), "deadline_s": 2.0})
    line.is_silent = True

    outcome = CONNECTOR.execute(hurried)

    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.FAILED, False)
    assert note(line) == "note 1"


def test_a_name_that_is_looked_up_for_ever_is_left_at_the_deadline(ask, line):
    ended = threading.Event()

    def slow(host, port):
        ended.wait(10)
        return ("127.0.0.1",)

    door = client(allow=[line.host_port], resolve=slow)
    started = time.monotonic()
    outcome = CONNECTOR.execute(
        replace(ask("change", RENAME, ARGUMENTS), client=door, deadline_s=0.2)
    )
    ended.set()

    assert time.monotonic() - started < 5
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "timeout")
    assert (outcome.may_have_happened, outcome.retryable) == (False, True)
    assert note(line) == "note 1"


def test_a_statement_that_takes_too_long_is_ended_by_the_server(ask):
    slow = {"sql": "SELECT pg_sleep(20)", "timeout_s": 1}

    outcome = CONNECTOR.execute(ask("query", slow))

    assert (outcome.reason, outcome.retryable) == ("sqlstate_57014", True)


def test_the_bounds_hold_behind_a_pooler_that_drops_options(ask, line):
    line.drops_options = True
    slow = {"sql": "SELECT pg_sleep(20)", "timeout_s": 1}
    sneaky = {"sql": "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone"}

    reasons = [CONNECTOR.execute(ask("query", query)).reason for query in (slow, sneaky)]

    assert reasons == ["sqlstate_57014", "sqlstate_25006"]
    assert CONNECTOR.execute(ask("change", RENAME, ARGUMENTS)).status is OutcomeStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dsn": "superuser"}, "superuser_refused"),
        ({"dsn": "elsewhere"}, "credential_refused"),
        ({"dsn": "postgresql://a:b@127.0.0.1/x?service=other"}, "wrong_connection"),
        ({"dsn": "mysql://a:b@127.0.0.1/x"}, "wrong_connection"),
        ({"allow": "127.0.0.1:1"}, "address_refused"),
    ],
)
def test_a_connection_that_may_not_be_used_is_refused_before_anything_is_sent(
    ask, line, change, reason
):
    named = {"superuser": line.dsn("postgres", NAME), "elsewhere": line.dsn("nobody", NAME)}
    change = {
        **change,
        **({"dsn": named.get(change["dsn"], change["dsn"])} if "dsn" in change else {}),
    }

    outcome = CONNECTOR.execute(ask("change", RENAME, ARGUMENTS, **change))

    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, reason)
    assert "secret" not in outcome.error
    assert note(line) == "note 1"


def test_a_role_is_taken_on_for_the_transaction(ask, line):
    with line.owner() as owner:
        owner.execute("DROP ROLE IF EXISTS countersign_reader")
        owner.execute("CREATE ROLE countersign_reader")
        owner.execute(f"GRANT countersign_reader TO {USER}")

    outcome = CONNECTOR.execute(ask("change", {**RENAME, "role": "countersign_reader"}, ARGUMENTS))

    assert outcome.reason == "sqlstate_42501"
    with line.owner() as owner:
        owner.execute("DROP ROLE countersign_reader")


def test_a_preview_that_fails_says_so(ask):
    broken = {"sql": "UPDATE nothing SET note = :note"}
    with pytest.raises(OutsideError, match='relation "nothing" does not exist'):
        CONNECTOR.preview(ask("change", broken, {"note": "x"}))
