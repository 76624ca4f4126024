"""What tests of the desk's own pages share."""

import pytest

from tests.people import People, ready


@pytest.fixture
def here() -> People:
    """An environment with somebody in each role, and another tenant beside it."""
    return ready()
