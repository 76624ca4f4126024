"""Invariant 9 where the database itself refuses the record: full disk, missing right, held lock."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection

from approvals import executor
from approvals.services import approve, cancel, reject
from audit import roles
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from audit.models import AuditRecord
from gateway.agents import services as agents
from gateway.runs import services as runs
from tests.gateway.roled import NO_ROLES, ON_POSTGRES, Roled, address, database_with_roles
from tests.invariants.scene import Scene, fakes, scene
from tests.invariants.stored import everything
from tests.small_disk import mounted

EACH = 10
NO_LIMIT = 4_294_967_294


def fifty_changes(here: Scene) -> list[Callable[[], Any]]:
    """Calls that are asked for, approved, rejected, canceled; agents and runs that begin."""
    people = here.people
    person, operator = people.principal(people.may), people.principal(people.operator)

    def decided(decide: Callable[..., Any], **more: Any) -> Callable[[], Any]:
        action = here.ask()
        return lambda: decide(action=action, by=person, digest=action.digest, **more)

    def withdrawn() -> Callable[[], Any]:
        action = here.ask()
        return lambda: cancel(action=action, by=operator)

    def named(number: int) -> Callable[[], Any]:
        return lambda: agents.create(here.environment, slug=f"new-{number}", name="New")

    def started() -> Any:
        return runs.start(
            here.environment, agent=None, provider=here.provider, task="Look.", by=operator
        )

    changes: list[Callable[[], Any]] = [here.ask] * EACH + [started] * (EACH // 2)
    changes += [named(number) for number in range(EACH // 2)]
    changes += [withdrawn() for _ in range(EACH)]
    changes += [decided(approve) for _ in range(EACH)]
    return changes + [decided(reject, reason="No.") for _ in range(EACH)]


def refused(changes: list[Callable[[], Any]]) -> int:
    """How many of them the database refuses."""
    found = 0
    for change in changes:
        try:
            change()
        except DatabaseError:
            found += 1
    return found


def check(breaks: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
    """None of fifty changes is committed and nothing has an effect; afterwards each goes on."""
    with fakes() as (connector, _):
        here = scene()
        changes, ready = fifty_changes(here), here.approved()
        assert len(changes) == 50
        with breaks():
            before = everything()
            assert refused(changes) == len(changes)
            assert refused([lambda: executor.execute(str(ready.pk))]) == 1
            assert everything() == before
            assert connector.effects == {}
        executor.execute(str(ready.pk))
        assert len(connector.effects) == 1
        records = AuditRecord.objects.count()
        assert refused(changes) == 0
        assert AuditRecord.objects.count() >= records + len(changes)


def fill_up() -> None:
    """Records until not even the smallest has room."""
    for size in (3000, 300, 0):
        with contextlib.suppress(DatabaseError):
            for _ in range(1000):
                audit.record(
                    AuditAction.AGENT_CREATED, target=Target("agent", "ag"),
                    scope=Scope(None), meta={"filler": "x" * size},
                )  # fmt: skip


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """SQLite gets no page more than it has."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        fill_up()
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA max_page_count = {NO_LIMIT}")


@pytest.mark.skipif(ON_POSTGRES, reason="the limit of pages is SQLite's; PostgreSQL: see below")
@pytest.mark.django_db(transaction=True)
def test_no_change_is_made_while_the_disk_is_full() -> None:
    check(full_disk)


@pytest.mark.long
@pytest.mark.skipif(ON_POSTGRES, reason="one database is enough to find a careless service")
@pytest.mark.django_db(transaction=True)
def test_a_service_that_goes_on_without_its_record_would_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted fault: what cannot be recorded is done all the same."""
    save = AuditRecord.save

    def careless(row: AuditRecord, *args: Any, **options: Any) -> None:
        with contextlib.suppress(DatabaseError):
            save(row, *args, **options)

    monkeypatch.setattr(AuditRecord, "save", careless)
    with pytest.raises(AssertionError):
        check(full_disk)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of two megabytes that PostgreSQL may write, where one may be mounted."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        owner = Path(cursor.fetchone()[0]).stat()
    folder = Path(tempfile.mkdtemp(prefix="countersign-disk-"))
    try:
        with mounted(folder, megabytes=2, owner=owner.st_uid):
            yield folder
    finally:
        folder.rmdir()


# By itself: the server ended once as its disk went away beneath others' tests.
@pytest.mark.long
@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite: see above")
@pytest.mark.django_db(transaction=True)
def test_no_change_is_made_while_the_disk_of_the_log_is_full(small_disk: Path) -> None:
    """The log's table lies on the small disk, everything else where there is room."""

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        with connection.cursor() as cursor:
            # Rows of earlier tests are deleted, but their pages would have to move, too.
            cursor.execute("VACUUM FULL audit_auditrecord")
            cursor.execute("CREATE TABLESPACE small LOCATION %s", [str(small_disk)])
            cursor.execute("ALTER TABLE audit_auditrecord SET TABLESPACE small")
            fill_up()
            try:
                yield
            finally:
                cursor.execute("ALTER TABLE audit_auditrecord SET TABLESPACE pg_default")
                cursor.execute("DROP TABLESPACE small")

    check(full)


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[Roled]:
    with django_db_blocker.unblock(), database_with_roles() as made:
        yield made


@pytest.mark.skipif(not ON_POSTGRES, reason=NO_ROLES)
def test_no_change_is_made_where_the_right_to_record_was_taken_away(database: Roled) -> None:
    runtime, place = roles.names().runtime, address(database.name)

    @contextlib.contextmanager
    def revoked() -> Iterator[None]:
        with psycopg.connect(place, autocommit=True) as administrator:
            administrator.execute(f"REVOKE INSERT ON audit_auditrecord FROM {runtime}")  # type: ignore[arg-type]
            yield
            administrator.execute(f"GRANT INSERT ON audit_auditrecord TO {runtime}")  # type: ignore[arg-type]

    with database.acting_as("runtime"):
        check(revoked)


@pytest.mark.skipif(not ON_POSTGRES, reason=NO_ROLES)
def test_no_change_is_made_while_the_log_is_locked(database: Roled) -> None:
    @contextlib.contextmanager
    def locked() -> Iterator[None]:
        with psycopg.connect(address(database.name)) as administrator, connection.cursor() as mine:
            administrator.execute("LOCK audit_auditrecord IN SHARE MODE")
            mine.execute("SET lock_timeout = '10ms'")
            yield
            mine.execute("RESET lock_timeout")

    with database.acting_as("runtime"):
        check(locked)
