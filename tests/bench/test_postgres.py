"""The bench's PostgreSQL: the machine's own before the wheel's."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench import postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may enter; pytest's own is shut to all but us."""
    made = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def version(folder: Path) -> str:
    with psycopg.connect(host=str(folder), user=postgres.USER, dbname="postgres") as connection:
        (found,) = connection.execute("SHOW server_version").fetchone() or ("",)
    return str(found)


def test_a_server_starts_answers_on_its_socket_and_stops(folder):
    server = postgres.start(folder / "pg")
    try:
        assert version(folder / "pg")
        assert (server.bin / "pgbench").exists()
    finally:
        server.stop()
    with pytest.raises(psycopg.OperationalError):
        version(folder / "pg")


def test_the_newest_of_the_installed_versions_is_taken(tmp_path, monkeypatch):
    for name in ("9.6", "15", "18"):
        (tmp_path / name / "bin").mkdir(parents=True)
    for name in ("9.6", "15"):
        (tmp_path / name / "bin" / "initdb").touch()
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    monkeypatch.setattr(postgres.os, "getuid", lambda: 1000)
    assert postgres.installed() == tmp_path / "15" / "bin"


def test_without_an_installed_one_the_wheel_s_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    assert postgres.installed() is None
