"""What every test may use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase

from audit import context, triggers
from gateway.lib.broker import QUEUES, broker


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


@pytest.fixture(scope="session", autouse=True)
def _append_only_tables_can_be_flushed() -> Iterator[None]:
    """Tests with real transactions end in a flush, which the audit triggers rightly refuse."""
    original = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        triggers.remove(connection)
        try:
            original(case)
        finally:
            triggers.install(connection)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    """The tests' data folder goes with them."""
    shutil.rmtree(Path(settings.DATA_DIR), ignore_errors=True)
