"""The embedded queue: a real server or the fallback, behind a socket that only its owner enters."""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from gateway.embedded import place
from gateway.embedded import redis as embedded

START_S = 10.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a unix socket's address has about a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="cs-"))
    yield made
    shutil.rmtree(made)


@contextmanager
def running(folder: Path) -> Iterator[redis.Redis]:
    """A started server and its client."""
    socket = folder / "redis.sock"
    process = subprocess.Popen(embedded.command(socket, folder))
    client = redis.Redis(unix_socket_path=str(socket))
    give_up = time.monotonic() + START_S
    try:
        while time.monotonic() < give_up:
            with suppress(redis.RedisError):
                client.ping()
                break
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(START_S)


def listening_ports(pid: int) -> list[str]:
    """The lines of the kernel's list of TCP sockets that this process has open."""
    sockets = {
        os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()
    }
    lines = [*Path("/proc/net/tcp").read_text().splitlines()[1:]]
    lines += Path("/proc/net/tcp6").read_text().splitlines()[1:]
    return [line for line in lines if f"socket:[{line.split()[9]}]" in sockets]


@pytest.mark.parametrize("fallback", ["", "1"])
def test_the_queue_keeps_publishes_and_runs_scripts_without_a_port(
    monkeypatch: pytest.MonkeyPatch, folder: Path, fallback: str
) -> None:
    monkeypatch.setenv(embedded.FALLBACK_ONLY, fallback)
    with running(folder) as client:
        client.set("key", "value", ex=10)
        assert client.get("key") == b"value"
        assert client.eval("return redis.call('get', KEYS[1])", 1, "key") == b"value"
        with client.pubsub() as listener:
            listener.subscribe("news")
            listener.get_message(timeout=2)
            client.publish("news", "hello")
            message = listener.get_message(timeout=2)
            assert message is not None
            assert message["data"] == b"hello"
        assert stat.S_IMODE((folder / "redis.sock").stat().st_mode) == 0o700


@pytest.mark.skipif(embedded.binary() is None, reason="no Redis binary on this kind of machine")
def test_a_real_server_keeps_its_data_over_a_restart(folder: Path) -> None:
    with running(folder) as client:
        client.set("key", "value")
    with running(folder) as client:
        assert client.get("key") == b"value"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
def test_no_server_listens_on_tcp(folder: Path) -> None:
    socket = folder / "redis.sock"
    process = subprocess.Popen(embedded.command(socket, folder))
    try:
        give_up = time.monotonic() + START_S
        while not socket.exists() and time.monotonic() < give_up:
            pass
        assert listening_ports(process.pid) == []
    finally:
        process.terminate()
        process.wait(START_S)


def test_a_path_too_long_for_a_socket_moves_to_a_private_folder(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    found = place.socket_path(long)
    assert len(os.fsencode(found)) <= place.LONGEST_PATH
    assert found == place.socket_path(long)
    assert found != place.socket_path(tmp_path / ("y" * 120))


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir(mode=0o755)
    with pytest.raises(place.UnsafeFolder, match="chmod 700"):
        place.make_private(open_folder)
    place.make_private(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
