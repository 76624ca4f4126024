"""What the databases themselves can do when every event is a commit of its own."""

import re
import sqlite3
import subprocess
import time
import uuid

import psycopg

from bench.places import EMPTY, FRESH, Place

TABLE = "CREATE TABLE one (id {uuid} PRIMARY KEY, event_id text NOT NULL UNIQUE, body {bytes})"
SCRIPT = (
    "INSERT INTO one VALUES (gen_random_uuid(), gen_random_uuid()::text, "
    "convert_to(repeat('x', {size}), 'UTF8')) ON CONFLICT DO NOTHING;"
)


def commits_per_s(place: Place, kind: str, *, size: int, seconds: float, connections: int) -> float:
    """Single commits a second: PostgreSQL over so many connections, SQLite over its one."""
    url = place.database(kind, EMPTY)
    if kind == "sqlite":
        return _sqlite(url.removeprefix("sqlite:///"), size=size, seconds=seconds)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE.format(uuid="uuid", bytes="bytea"))
        connection.execute("ALTER TABLE one ALTER COLUMN body SET STORAGE EXTERNAL")
    return _pgbench(place, size=size, seconds=seconds, connections=connections)


def _pgbench(place: Place, *, size: int, seconds: float, connections: int) -> float:
    """PostgreSQL's own generator, in C: the client is not what is measured."""
    assert place.postgres is not None
    script = place.folder / "one_row.sql"
    script.write_text(SCRIPT.format(size=size), encoding="utf-8")
    command = [str(place.postgres.bin / "pgbench"), "-n", "-M", "prepared"]
    command += ["-c", str(connections), "-j", "2", "-T", str(max(1, round(seconds)))]
    command += ["-f", str(script), "-h", place.host, "-U", "postgres", FRESH]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench did not say how many: {done.stdout}")
    return float(found[1])


def _sqlite(path: str, *, size: int, seconds: float) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        TABLE.format(uuid="text", bytes="blob"),
    ):
        connection.execute(statement)
    body, count = b"x" * size, 0
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        key = uuid.uuid4().hex
        connection.execute("INSERT OR IGNORE INTO one VALUES (?, ?, ?)", (key, key, body))
        count += 1
    connection.close()
    return count / (now - begun)
