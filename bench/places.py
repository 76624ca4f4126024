"""Where the servers under test live: a folder, a queue, fresh databases from templates."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from bench import postgres
from gateway.embedded import redis as queue

FRESH = "bench"
# Whose tables a database holds: ours with one source, those of the typical Django receiver, none.
OURS, DRF, EMPTY = "ours", "drf", "empty"


class Place:
    """One data folder; `database(kind)` gives the address of a fresh database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres: postgres.Server | None = None
        self.seeded: dict[str, str] = {}
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "gateway.settings",
            "COUNTERSIGN_DATA_DIR": str(folder),
            "REDIS_URL": f"unix://{folder / 'redis.sock'}?db=0",
            "COUNTERSIGN_LOG_LEVEL": os.environ.get("COUNTERSIGN_LOG_LEVEL", "info"),
        }

    @property
    def host(self) -> str:
        """The folder of PostgreSQL's socket."""
        return str(self.folder / "pg")

    def prepare(self, kinds: list[str], owners: list[str]) -> None:
        """Make the templates of each kind of database."""
        if "postgresql" in kinds:
            self.postgres = postgres.start(Path(self.host))
        for owner in owners:
            for kind in kinds:
                self._make_template(kind, owner)

    def _make_template(self, kind: str, owner: str) -> None:
        name = f"template_{owner}"
        if kind == "postgresql":
            self._on_postgres(f"CREATE DATABASE {name}")
            url = self._postgres_url(name)
        else:
            url = f"sqlite:///{self.folder / name}.sqlite3"
        if owner == OURS:
            self.seeded = json.loads(self._python(url, "bench.seed"))
        elif owner == DRF:
            self._python(url, "bench.peers.drf_receiver", "migrate")

    def _python(self, url: str, *arguments: str) -> bytes:
        environment = self.environment | {"DATABASE_URL": url}
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout

    def database(self, kind: str, owner: str = OURS) -> str:
        """A fresh database, as the owner's template has it."""
        if kind == "postgresql":
            self._on_postgres(f"DROP DATABASE IF EXISTS {FRESH} WITH (FORCE)")
            template = "template0" if owner == EMPTY else f"template_{owner}"
            self._on_postgres(f"CREATE DATABASE {FRESH} TEMPLATE {template}")
            return self.url(kind)
        path = self.folder / f"{FRESH}.sqlite3"
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        if owner != EMPTY:
            shutil.copy(self.folder / f"template_{owner}.sqlite3", path)
        return self.url(kind)

    def url(self, kind: str) -> str:
        """The address of the database that was made last."""
        if kind == "postgresql":
            return self._postgres_url(FRESH)
        return f"sqlite:///{self.folder / FRESH}.sqlite3"

    def _postgres_url(self, name: str) -> str:
        return f"postgresql:///{name}?user=postgres&host={quote(self.host, safe='/')}"

    def _on_postgres(self, statement: str) -> None:
        with psycopg.connect(
            host=self.host, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def line(self) -> str:
        """Which PostgreSQL is measured, and how it keeps bodies; empty without one."""
        if self.postgres is None:
            return ""
        with psycopg.connect(self._postgres_url(f"template_{OURS}")) as connection:
            version, compression = connection.execute(
                "SELECT current_setting('server_version'), attcompression FROM pg_attribute "
                "WHERE attrelid = 'webhooks_event'::regclass AND attname = 'body'"
            ).fetchone() or ("?", "")
        kept = "compressed by lz4" if compression == "l" else "as they are"
        return f"PostgreSQL {version}, {self.postgres.origin}; it keeps bodies {kept}."

    @contextmanager
    def queue(self) -> Iterator[None]:
        """The embedded queue, as long as the block lasts."""
        path = self.folder / "redis.sock"
        process = subprocess.Popen(queue.command(path, self.folder), env=self.environment)
        give_up = time.monotonic() + 10
        while not path.exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def empty_queue(self) -> None:
        """Forget the bells of the candidate before."""
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            client.flushall()

    def close(self) -> None:
        """Stop what was started."""
        if self.postgres is not None:
            self.postgres.stop()
