"""What tests of the tree need: a folder for what is published, and a log with leaves."""

from pathlib import Path

import pytest

from audit.sequencer import Sequencer, sequence


@pytest.fixture
def published_in(settings, tmp_path) -> Path:
    """The folder outside the database, fresh for this test."""
    settings.AUDIT_DIR = tmp_path / "audit"
    return settings.AUDIT_DIR


@pytest.fixture
def sequencer(published_in) -> Sequencer:
    """One that has just begun to lead, with a key."""
    return Sequencer()


def give_all() -> None:
    """Every record gets its place."""
    while sequence():
        pass
