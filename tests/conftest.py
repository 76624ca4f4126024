"""What every test may ask for; the fixtures of one area stand in its own folder."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db.backends.sqlite3.creation import DatabaseCreation
from django.test import TransactionTestCase
from hypothesis import settings
from whitenoise.middleware import WhiteNoiseMiddleware

from audit import context
from gateway.lib.broker import QUEUES, broker
from tests.flushing import flush_what_was_written
from tests.jobs import drain
from tests.migrated import begin_with_the_copy
from tests.statics import files_found_before
from tests.vendor import install
from tests.vendor.install import ABSENT as NO_VENDORS
from tests.vendor.node import Node, started

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
LEFT_OUT = ("long", "release")
DATABASE = {"db", "transactional_db", "django_db_setup"}
CHROMIUM = Path("/usr/bin/chromium")
NO_BROWSER = f"NO {CHROMIUM}: THE BROWSER'S TESTS DID NOT RUN. Debian: apt-get install chromium"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part=2/4` runs the second of four shards, so that no run of long tests takes too long.

    `--stored` leaves out what a second database cannot change: signatures, rules, rendering, and
    whatever else is marked `once`.
    """
    parser.addoption("--part", default="1/1", metavar="K/N", help="one of N shards of the tests")
    parser.addoption("--stored", action="store_true", help="what a database can change")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that take minutes run only where `-m` names their kind."""
    wanted = config.option.markexpr
    kept = [item for item in items if not any(_left_out(item, kind, wanted) for kind in LEFT_OUT)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if config.option.stored:
        kept = [item for item in items if _is_stored(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    kept = _part(items, config.option.part)
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    if not CHROMIUM.exists():
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


def pytest_collection_finish() -> None:
    """Thousands of tests and all of Django stay to the end: not worth the collector's looks."""
    gc.collect()
    gc.freeze()


def _is_stored(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    # A flow's database is that of the processes it starts, so no fixture tells of it.
    marked = any(item.get_closest_marker(name) is not None for name in ("django_db", "flow"))
    return marked or bool(DATABASE & fixtures)


def _part(items: list[pytest.Item], text: str) -> list[pytest.Item]:
    """Every N-th test from the K-th on: neighbours take alike long, so the shards do, too."""
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise pytest.UsageError(f"--part is K/N with K from 1 to N, not {text!r}.")
    return items[int(number) - 1 :: int(count)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped browser is no detail among many dots, nor are vendors' packages."""
    skipped = terminalreporter.stats.get("skipped", [])
    for absent in (NO_BROWSER, NO_VENDORS):
        if any(absent in str(report.longrepr) for report in skipped):
            terminalreporter.write_sep("!", absent, red=True, bold=True)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The vendors' own npm packages answer questions; skips, loudly, where they are missing."""
    if not install.is_ready():
        pytest.skip(install.ABSENT)
    with started() as running:
        yield running


def _left_out(item: pytest.Item, kind: str, wanted: str) -> bool:
    return item.get_closest_marker(kind) is not None and kind not in wanted


@pytest.fixture(autouse=True)
def _fresh_surroundings() -> Iterator[None]:
    """No message, cached value or bound actor survives from one test to the next."""
    cache.clear()
    for queue in set(QUEUES.values()):
        broker.declare_queue(queue)
    broker.flush_all()
    context.end()
    yield
    context.end()


@pytest.fixture
def settle() -> Callable[..., list[Any]]:
    """Runs what waits for the commit and every job rung by it, in this thread, until all is quiet.

    `settle()` gives back the messages it ran; `settle(delayed=True)` runs those with a delay too.
    """
    return drain


@pytest.fixture(scope="session", autouse=True)
def _only_what_was_written_is_flushed() -> Iterator[None]:
    original = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = flush_what_was_written  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """The test database of SQLite begins as a copy of one that is migrated already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseCreation, "_create_test_db", begin_with_the_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_up_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", files_found_before)
        yield


@pytest.fixture
def published_in(settings: Any, tmp_path: Path) -> Path:
    """Where checkpoints and keys are published: a folder of this test, outside the database."""
    settings.AUDIT_DIR = tmp_path / "audit"
    return tmp_path / "audit"
