"""What tests of the tree need: a folder for what is published, and a log with leaves."""

import pytest

from audit.sequencer import Sequencer, sequence


@pytest.fixture
def sequencer(published_in) -> Sequencer:
    """One that has just begun to lead, with a key."""
    return Sequencer()


def give_all() -> None:
    """Every record gets its place."""
    while sequence():
        pass
