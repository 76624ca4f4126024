"""Many desks at once: streams of as many signed-in people, and what their web process costs."""

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.flows.tree import Tree

PATIENCE_S = 30.0
# The connection may stay open after the answer has ended.
LAST_CHUNK = b"0\r\n"
# As many people with a role and a session, without a password to hash; prints each session's key.
PEOPLE = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from gateway.tenants.models import Environment, Member, MemberRole, User
place = Environment.objects.get(tenant__slug="{tenant}", slug="{environment}")
store = import_module(settings.SESSION_ENGINE).SessionStore
with transaction.atomic():
    for number in range({first}, {first} + {count}):
        user = User.objects.create_user(f"desk{{number}}@example.com")
        member = Member.objects.create(tenant=place.tenant, user=user)
        MemberRole.objects.create(member=member, environment=place, role="reviewer")
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        print("cookie", settings.SESSION_COOKIE_NAME + "=" + session.session_key)
"""


def people(tree: Tree, tenant: str, environment: str, count: int, *, first: int = 0) -> list[str]:
    """The cookies of so many new reviewers, each signed in; they are numbered from `first` on."""
    script = PEOPLE.format(tenant=tenant, environment=environment, count=count, first=first)
    printed = tree.manage("shell", "-c", script)
    return [line.partition(" ")[2] for line in printed.splitlines() if line.startswith("cookie ")]


@dataclass
class Desk:
    """One person's stream, and all that it ever told."""

    url: str
    cookie: str
    heard: list[dict[str, Any]] = field(default_factory=list)
    at: dict[str, float] = field(default_factory=dict)
    last: str = ""
    status: int = 0
    reading: "asyncio.Task[None] | None" = None
    wire: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Open it, after the last news that was heard, and go on reading."""
        parts = urlsplit(self.url)
        reader, self.wire = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Cookie: {self.cookie}"]
        lines += [f"Last-Event-ID: {self.last}"] if self.last else []
        self.wire.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.status = int((await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()[1])
        # From the first mark on it misses nothing.
        await asyncio.wait_for(self._read(reader, until_marked=True), PATIENCE_S)
        self.reading = asyncio.ensure_future(self._read(reader))

    async def close(self) -> None:
        """Lose the connection without a word."""
        assert self.reading is not None
        assert self.wire is not None
        self.reading.cancel()
        self.wire.transport.abort()
        await asyncio.gather(self.reading, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, *, until_marked: bool = False) -> None:
        mark = ""
        while line := await reader.readline():
            if line == LAST_CHUNK:
                return
            name, _, value = line.decode().strip().partition(": ")
            if name == "id":
                mark = value
                self.at.setdefault(mark, time.perf_counter())
            elif name == "data":
                self.heard.append(json.loads(value))
            elif not name and mark:
                self.last, mark = mark, ""
                if until_marked:
                    return

    def story(self) -> list[tuple[str, str, int]]:
        """What it told of, in order."""
        return [(one["kind"], one.get("id", ""), one.get("version", 0)) for one in self.heard]


@dataclass(frozen=True)
class Cost:
    """What a process has used so far, and holds."""

    cpu_s: float
    resident_mb: float
    at: float

    def since(self, before: "Cost") -> str:
        """The share of one processor since then, and the memory now."""
        share = (self.cpu_s - before.cpu_s) / max(self.at - before.at, 0.001)
        return f"{share:.0%} of a processor, {self.resident_mb:.0f} MB"


def cost_of(pid: int) -> Cost:
    """What the process costs now."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    ticks = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
    return Cost(ticks, memory, time.perf_counter())
