"""PostgreSQL's roles: what each can do, what none of them can, and that a deviation is found."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from approvals.models import KillSwitch
from approvals.services import stop_everywhere
from audit import roles, triggers
from audit.models import AuditRecord
from audit.sequencer import sequence
from audit.verification import verify
from gateway import database_roles, diagnosis
from gateway.diagnosis import Grade
from tests.gateway.roled import (
    NO_ROLES,
    ON_POSTGRES,
    PASSWORD,
    Roled,
    address,
    database_with_roles,
    drop,
)
from tests.invariants.scene import scene

pytestmark = pytest.mark.skipif(not ON_POSTGRES, reason=NO_ROLES)
RECORDS = triggers.RECORDS
REPLACED = "AS $$ BEGIN RETURN NEW; END $$"
# T03: every way to change the log that a role could try.
ATTEMPTS = {
    "UPDATE": f"UPDATE {RECORDS} SET reason = 'better'",  # noqa: S608 - fixed names, here and below
    "DELETE": f"DELETE FROM {RECORDS}",  # noqa: S608
    "TRUNCATE": f"TRUNCATE {RECORDS} CASCADE",
    "ALTER": f"ALTER TABLE {RECORDS} DISABLE TRIGGER ALL",
    "DROP": f"DROP TABLE {RECORDS} CASCADE",
    "upsert": f"INSERT INTO {RECORDS} SELECT * FROM {RECORDS} "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET reason = 'better'",
    "playing replica": "SET session_replication_role = replica",
    "COPY from a program": f"COPY {RECORDS} FROM PROGRAM 'true'",
    "dropping a trigger": f"DROP TRIGGER {RECORDS}_no_change ON {RECORDS}",
    "replacing a function": "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger "
    f"LANGUAGE plpgsql {REPLACED}",
    "MERGE": f"MERGE INTO {RECORDS} a USING {RECORDS} b ON a.id = b.id "  # noqa: S608
    "WHEN MATCHED THEN UPDATE SET reason = 'better'",
    "DELETE in a WITH": f"WITH gone AS (DELETE FROM {RECORDS} RETURNING *) SELECT * FROM gone",  # noqa: S608
}
# What somebody with the rights to do it changes behind our back, and a word of what is said.
DEVIATIONS = {
    "GRANT UPDATE ON audit_auditrecord TO {runtime}": "may UPDATE audit_auditrecord",
    "GRANT UPDATE (reason) ON audit_auditrecord TO {runtime}": "may UPDATE audit_auditrecord",
    "GRANT TRUNCATE ON audit_leaf TO {scheduler}": "may TRUNCATE audit_leaf",
    "GRANT DELETE ON audit_checkpoint TO PUBLIC": "may DELETE audit_checkpoint",
    "GRANT pg_write_all_data TO {runtime}": "may DELETE, UPDATE audit_auditrecord",
    "GRANT INSERT ON audit_leaf TO {runtime}": "may INSERT audit_leaf",
    "GRANT {owner} TO {runtime}": "{runtime} may become {owner}",
    "GRANT {scheduler} TO {intake}": "{intake} may become {scheduler}",
    "ALTER ROLE {owner} LOGIN": "{owner} can log in",
    "ALTER ROLE {intake} SUPERUSER": "{intake} has SUPERUSER",
    "ALTER TABLE audit_pending OWNER TO {runtime}": "audit_pending belongs to {runtime}",
    "ALTER FUNCTION audit_refuse() OWNER TO {runtime}": "audit_refuse belongs to {runtime}",
    "ALTER SCHEMA public OWNER TO {runtime}": "schema public belongs to {runtime}",
    "REVOKE INSERT ON audit_auditrecord FROM {runtime}": "may not INSERT audit_auditrecord",
    "GRANT INSERT ON approvals_action TO {intake}": "may INSERT approvals_action",
    "REVOKE SELECT ON webhooks_source FROM {intake}": "may not SELECT webhooks_source",
    "ALTER TABLE audit_auditrecord ENABLE TRIGGER audit_auditrecord_no_change": "no_change missing",
}


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[Roled]:
    """A database of this module's own, with one action that was asked for."""
    with django_db_blocker.unblock(), database_with_roles() as made:
        with made.acting_as("runtime"):
            scene().ask()
        yield made


@pytest.fixture
def as_runtime(database: Roled) -> Iterator[Any]:
    with database.acting_as("runtime") as opened:
        yield opened


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def is_refused(statement: str) -> bool:
    """Whether the database says that this role may not; anything else is an error."""
    try:
        execute(statement)
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            return True
        raise
    return False


@contextmanager
def behind_our_back(database: Roled, statement: str) -> Iterator[None]:
    """What an administrator did, until the end of the block."""
    with database.acting_as(""), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)
        yield
        transaction.set_rollback(True)


def said() -> list[str]:
    """What doctor says about triggers and roles."""
    found = [*diagnosis._roles(), diagnosis._triggers()]
    return [finding.text for finding in found if finding.grade == Grade.WRONG]


def test_the_runtime_role_can_change_the_log_in_none_of_twelve_ways(as_runtime: Any) -> None:
    before = list(AuditRecord.objects.values_list("pk", "body_sha256", "reason"))
    assert before
    tried = {name: is_refused(statement) for name, statement in ATTEMPTS.items()}
    assert tried == dict.fromkeys(ATTEMPTS, True)
    assert len(tried) == 12
    assert list(AuditRecord.objects.values_list("pk", "body_sha256", "reason")) == before
    assert triggers.installed(connection) == triggers.expected(connection)


def test_a_role_that_may_more_would_be_found_by_the_same_ways(database: Roled) -> None:
    """The planted fault of T03: they are tried as the administrator."""
    with database.acting_as(""), transaction.atomic():
        assert not is_refused(ATTEMPTS["replacing a function"])
        assert not is_refused(ATTEMPTS["dropping a trigger"])
        assert not is_refused(ATTEMPTS["UPDATE"])
        transaction.set_rollback(True)


def test_a_row_copied_over_a_record_is_refused(as_runtime: Any) -> None:
    columns = [field.column for field in AuditRecord._meta.fields]
    row = AuditRecord.objects.values_list(*columns)[0]
    values = dict(zip(columns, row, strict=True)) | {"reason": "better", "body_json": "{}"}

    def copy_over() -> None:
        with connection.cursor() as cursor:
            names = ", ".join(columns)
            with cursor.connection.cursor().copy(f"COPY {RECORDS} ({names}) FROM STDIN") as copy:
                copy.write_row(list(values.values()))

    with pytest.raises(psycopg.errors.UniqueViolation):
        copy_over()
    assert not AuditRecord.objects.filter(reason="better").exists()


@pytest.mark.parametrize("kind", roles.KINDS)
@pytest.mark.parametrize("table", triggers.TABLES)
def test_no_role_changes_removes_or_empties_evidence(
    database: Roled, kind: str, table: str
) -> None:
    key = "record_id" if table == "audit_leaf" else "id"
    with database.acting_as(kind):
        assert is_refused(f"UPDATE {table} SET log = 'x'")  # noqa: S608
        assert is_refused(f"DELETE FROM {table} WHERE {key} IS NULL")  # noqa: S608
        assert is_refused(f"TRUNCATE {table} CASCADE")


def test_scheduler_may_stop_everything_and_lets_nothing_go_on(database: Roled) -> None:
    with database.acting_as("scheduler"):
        assert stop_everywhere(cause="system 5", reason="It was set back.") > 0
        assert is_refused("UPDATE approvals_killswitch SET turned_off_at = now()")
        assert is_refused("DELETE FROM approvals_killswitch")
    KillSwitch.objects.filter(cause="system 5").delete()


def test_only_the_scheduler_gives_places_and_only_it_needs_no_more(database: Roled) -> None:
    for kind in ("runtime", "intake"):
        with database.acting_as(kind):
            for table in ("audit_leaf", "audit_checkpoint"):
                assert is_refused(f"INSERT INTO {table} DEFAULT VALUES")  # noqa: S608
            assert is_refused("DELETE FROM audit_pending")
    with database.acting_as("scheduler"):
        while sequence():
            pass
    with database.acting_as("runtime"):
        (report, *logs) = verify(public_keys=[])
        assert (report.findings, [log.found for log in logs]) == ([], [0] * len(logs))
        assert sum(log.leaves for log in logs) == AuditRecord.objects.count()
    with database.acting_as("scheduler"):
        assert is_refused("INSERT INTO approvals_action DEFAULT VALUES")
        assert is_refused("UPDATE webhooks_event SET body = ''")


def test_the_intake_role_forges_nothing(database: Roled) -> None:
    """T19: of all that decides or acts it can insert and change nothing, whatever the table."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    own = {"webhooks_event", "webhooks_refusal", "webhooks_document"}
    with database.acting_as("intake"):
        for table in sorted(tables - own):
            assert is_refused(f"INSERT INTO {table} DEFAULT VALUES"), table  # noqa: S608
        for table in sorted(tables - own - {"webhooks_source", "webhooks_secret"}):
            assert is_refused(f"DELETE FROM {table}"), table  # noqa: S608
        for column in ("sealed", "not_after"):
            assert is_refused(f"UPDATE webhooks_secret SET {column} = NULL")  # noqa: S608
        assert is_refused("UPDATE webhooks_event SET body = ''")
    assert {"approvals_action", "approvals_approval", "approvals_grant"} < tables - own


def test_no_role_makes_anything_in_the_schema(database: Roled) -> None:
    for kind in roles.KINDS:
        with database.acting_as(kind):
            assert is_refused("CREATE TABLE public.mine (id int)")
            assert is_refused("CREATE TEMPORARY TABLE mine (id int)")
            assert is_refused("CREATE SCHEMA mine")
            assert is_refused(f"SET ROLE {roles.names().owner}")


def test_as_set_up_nothing_is_wrong(as_runtime: Any) -> None:
    assert roles.examine(connection).wrong == []
    assert database_roles.differences(connection) == []
    assert said() == []


@pytest.mark.parametrize("statement", DEVIATIONS)
def test_a_deviation_is_found_and_named(database: Roled, statement: str) -> None:
    given = vars(roles.names())
    with behind_our_back(database, statement.format(**given)):
        wanted = DEVIATIONS[statement].format(**given)
        assert [text for text in said() if wanted in text.replace("audit_auditrecord_", "")], said()


def test_verification_fails_where_a_role_may_do_more(database: Roled) -> None:
    granted = f"GRANT UPDATE ON {RECORDS} TO {roles.names().runtime}"
    with behind_our_back(database, granted):
        found = verify(public_keys=["00" * 32])[0].findings
        assert [(finding.check, roles.MENDS in finding.text) for finding in found] == [
            ("roles", True)
        ]


def test_a_second_run_mends_what_was_changed_and_keeps_the_rest(database: Roled) -> None:
    given, out = roles.names(), io.StringIO()
    with database.acting_as(""):
        execute(f"GRANT ALL ON {RECORDS}, approvals_action TO {given.intake}")
        execute(f"ALTER ROLE {given.owner} LOGIN")
        assert said()
    with database.settings():
        call_command("database_roles", "--apply", stdout=out)
        call_command("database_roles", "--apply", stdout=out)
    with database.acting_as("runtime"):
        assert said() == []
    assert out.getvalue().count("password set to the one in") == 6
    assert PASSWORD not in out.getvalue()


def test_passwords_reach_the_database_as_verifiers_only(database: Roled) -> None:
    with database.acting_as(""), connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = ANY(%s)",
            [list(roles.names().logins)],
        )
        found = [row[0] for row in cursor.fetchall()]
    assert [text[:14] for text in found] == ["SCRAM-SHA-256$"] * 3


def test_what_is_printed_is_what_is_run_and_holds_no_password(database: Roled) -> None:
    out = io.StringIO()
    with database.settings():
        call_command("database_roles", stdout=out)
    printed = out.getvalue()
    assert PASSWORD not in printed
    with psycopg.connect(address(database.name), autocommit=True) as administrator:
        administrator.execute(printed)  # type: ignore[arg-type]
    with database.acting_as("runtime"):
        assert said() == []


def test_migrating_needs_the_owner_and_gives_the_rights_to_what_is_new(database: Roled) -> None:
    config = apps.get_app_config("gateway")
    with database.acting_as("runtime"), pytest.raises(CommandError, match="COUNTERSIGN_MIGRATION"):
        call_command("migrate", verbosity=0)
    with database.acting_as(""), transaction.atomic():
        database_roles.become_owner(config, using="default")
        execute("DROP TABLE gateway_lease")
        execute("CREATE TABLE gateway_lease (name text, holder text, until timestamptz)")
        assert database_roles.differences(connection)
        database_roles.grant_after_migrate(config, using="default")
        assert database_roles.differences(connection) == []
        transaction.set_rollback(True)


def test_an_administrator_needs_no_superuser_and_new_tables_are_born_append_only(
    database: Roled, settings: Any
) -> None:
    settings.DATABASE_ROLE_PREFIX += "_small"
    given, other = roles.names(), Roled(f"{database.name}_small")
    settings.MIGRATION_DATABASE_URL = address(other.name, administrator := f"{given.owner}_maker")
    with psycopg.connect(address(database.name), autocommit=True) as superuser:
        superuser.execute(
            f"CREATE ROLE {administrator} LOGIN CREATEROLE PASSWORD '{PASSWORD}'"  # type: ignore[arg-type]
        )
        superuser.execute(f"CREATE DATABASE {other.name} OWNER {administrator}")  # type: ignore[arg-type]
        try:
            with psycopg.connect(settings.MIGRATION_DATABASE_URL) as maker:
                maker.execute("CREATE TABLE gateway_lease (name serial, holder text)")
            for _ in range(2):
                call_command("database_roles", "--apply", stdout=io.StringIO())
            with psycopg.connect(settings.MIGRATION_DATABASE_URL) as maker:
                maker.execute(f"SET ROLE {given.owner}")  # type: ignore[arg-type]
                maker.execute("CREATE TABLE audit_leaf (log text)")
            with other.acting_as(""):
                found = roles.examine(connection)
                assert found.notes == [
                    f"may become {given.owner}, and then anything: {administrator}"
                ]
                assert found.wrong == [
                    f"role {given.runtime} may INSERT audit_leaf: {roles.MENDS}",
                    f"role {given.scheduler} may not INSERT, SELECT audit_leaf: {roles.MENDS}",
                ]
                config = apps.get_app_config("gateway")
                database_roles.grant_after_migrate(config, using="default")
                assert roles.examine(connection).wrong == []
        finally:
            connection.close()
            drop(superuser, other.name, given)
            superuser.execute(f"DROP ROLE {administrator}")  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_shared_role_is_a_note_at_home_and_wrong_in_production(settings: Any) -> None:
    settings.DATABASE_ROLE_PREFIX = "nobody"
    (finding,) = diagnosis._roles()
    assert (finding.grade, finding.text) == (Grade.NOTE, roles.SHARED)
    assert roles.examine(connection).notes == [roles.SHARED]
    settings.PRODUCTION = True
    (finding,) = diagnosis._roles()
    assert finding.grade == Grade.WRONG
