"""A web process that was started early serves only once it is told to."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@contextmanager
def early_web() -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The process, its port, and the pipe that it waits for."""
    waiting, pipe = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        command = [sys.executable, "-m", "gateway.processes.web"]
        command += ["--fd", str(descriptor), "--go", str(waiting)]
        process = subprocess.Popen(
            command,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
            pass_fds=[descriptor, waiting],
        )
        os.close(waiting)
        try:
            yield process, listening.getsockname()[1], pipe
        finally:
            process.kill()
            process.wait()


def test_it_serves_once_it_is_told():
    with (
        early_web() as (_, port, pipe),
        socket.create_connection(("127.0.0.1", port), timeout=30) as caller,
    ):
        caller.sendall(ASK)
        os.write(pipe, b"1")
        os.close(pipe)

        assert caller.recv(100).startswith(b"HTTP/1.1 200")


def test_it_ends_when_whoever_prepared_the_rest_is_gone():
    with early_web() as (process, _, pipe):
        os.close(pipe)

        assert process.wait(timeout=30) == 0
