"""Listening sockets and kept ports."""

import os
import socket
from pathlib import Path

import pytest

from gateway.processes import sockets


def test_a_listening_socket_may_be_inherited() -> None:
    with sockets.listen("127.0.0.1", 0) as bound:
        assert os.get_inheritable(bound.fileno())


def test_a_taken_port_is_an_error() -> None:
    with sockets.listen("127.0.0.1", 0) as bound, pytest.raises(OSError, match="in use"):
        sockets.listen("127.0.0.1", bound.getsockname()[1])


def test_localhost_means_version_four() -> None:
    with sockets.listen("localhost", 0) as bound:
        assert bound.family == socket.AF_INET


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "demo" / "port"
    first = sockets.kept_port(file)
    assert sockets.kept_port(file) == first
    with sockets.listen("127.0.0.1", first):
        assert sockets.kept_port(file) != first


def test_a_file_that_holds_no_port_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("nonsense")
    assert sockets.kept_port(file) == int(file.read_text())


def test_a_socket_behind_which_nobody_lives_does_not_say_pong(tmp_path: Path) -> None:
    assert not sockets.says_pong(tmp_path / "redis.sock")
