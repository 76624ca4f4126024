"""Starts a real ASGI server of the intake on the test's own database."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from django.db import connection

from tests.certificates import TRUSTED
from webhooks.models import Source
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import sign

NUMBERS = count(1)
START_S = 120.0
COMMANDS = {
    # As the product starts them.
    "uvicorn": ["-m", "gateway.processes.intake", "--fd"],
    "daphne": ["-m", "gateway.processes.web", "--fd"],
}


@dataclass
class Server:
    """A started server; `logged()` is what it wrote so far."""

    url: str
    process: subprocess.Popen[bytes]
    log: Any

    def logged(self) -> str:
        """What it wrote to standard error."""
        self.log.seek(0)
        return str(self.log.read().decode())

    def client(self, **options: Any) -> httpx.Client:
        """A client of this server."""
        return httpx.Client(
            base_url=self.url, timeout=30, trust_env=False, verify=TRUSTED, **options
        )


@dataclass
class Sender:
    """Signs and sends as the provider of one source."""

    source: Source
    secret: str
    client: httpx.Client
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})

    def request(self, body: bytes = b"{}", *, event_id: str = "", **changes: Any) -> httpx.Request:
        """A signed request; `headers` and `path` replace what would be sent."""
        name = event_id or f"msg_{next(NUMBERS)}"
        scheme = self.source.rules
        sent_at = changes.pop("sent_at", int(time.time()))
        signed = sign(
            scheme, key_of(scheme, self.secret), body, event_id=name, sent_at=sent_at,
            event_type="push",
        )  # fmt: skip
        headers = {**self.headers, **signed, **changes.pop("headers", {})}
        path = changes.pop("path", f"/webhooks/{self.source.address}")
        kept = {name: value for name, value in headers.items() if value is not None}
        return self.client.build_request("POST", path, content=body, headers=kept)

    def send(self, body: bytes = b"{}", **options: Any) -> httpx.Response:
        """Send one delivery."""
        return self.client.send(self.request(body, **options))


def send_all(requests: list[httpx.Request], *, at_once: int = 16) -> list[httpx.Response]:
    """Send requests concurrently; each knows its own server."""

    async def run() -> list[httpx.Response]:
        limit = asyncio.Semaphore(at_once)
        async with httpx.AsyncClient(timeout=60, trust_env=False, verify=TRUSTED) as client:

            async def one(request: httpx.Request) -> httpx.Response:
                async with limit:
                    copy = client.build_request(
                        request.method, request.url, headers=request.headers,
                        content=request.read(),
                    )  # fmt: skip
                    return await client.send(copy)

            return list(await asyncio.gather(*(one(request) for request in requests)))

    return asyncio.run(run())


def database_url() -> str:
    """The address of the test's database, as another process needs it."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    host = found["HOST"] or os.environ.get("PGHOST", "")
    return f"postgresql://{found['USER']}:{found['PASSWORD']}@/{found['NAME']}?host={host}" + (
        f"&port={found['PORT']}" if found["PORT"] else ""
    )


@contextmanager
def started(kind: str, **environment: str) -> Iterator[Server]:
    """A server on a free port; killed at the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port = listening.getsockname()[1]
        number = str(listening.fileno())
        command = [sys.executable, *COMMANDS[kind], number]
        surroundings = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": database_url(),
            **environment,
        }
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                command, env=surroundings, pass_fds=[int(number)], stderr=log, stdout=log
            )
            try:
                url = f"http://127.0.0.1:{port}"
                # Those that come first should not have to wait for what is loaded.
                httpx.head(f"{url}/webhooks/a", timeout=START_S, trust_env=False)
                yield Server(url, process, log)
            finally:
                process.kill()
                process.wait()
