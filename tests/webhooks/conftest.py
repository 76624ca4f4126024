"""The vendors' own npm packages."""

from collections.abc import Iterator

import pytest

from tests.vendor import install
from tests.vendor.node import Node, started


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """They answer questions about deliveries; skips, loudly, where they could not be installed."""
    if not install.is_ready():
        pytest.skip(install.ABSENT)
    with started() as running:
        yield running
