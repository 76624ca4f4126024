"""What every test may ask for; the fixtures of one area stand in its own folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase

from audit import context, triggers
from gateway.lib.broker import QUEUES, broker
from tests.jobs import drain

LEFT_OUT = ("long", "release")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that take minutes run only where `-m` names their kind."""
    wanted = config.option.markexpr
    kept = [item for item in items if not any(_left_out(item, kind, wanted) for kind in LEFT_OUT)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


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
def _append_only_tables_can_be_flushed() -> Iterator[None]:
    """Tests with real transactions end in a flush, which the audit triggers rightly refuse."""
    original = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        names = case._databases_names(include_mirrors=False)
        for name in names:
            triggers.remove(connections[name])
        try:
            original(case)
        finally:
            for name in names:
                triggers.install(connections[name])

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]
