"""What tests of people and their sign-in may ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.signals import user_login_failed


@pytest.fixture
def checked() -> Iterator[list[Any]]:
    """One entry for each wrong password that was really compared."""
    seen: list[Any] = []

    def note(**said: Any) -> None:
        seen.append(said["credentials"])

    user_login_failed.connect(note)
    yield seen
    user_login_failed.disconnect(note)
