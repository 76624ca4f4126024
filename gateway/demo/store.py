"""The demo service's memory: JSON documents in one file that survives a kill at any moment."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILE = "demo.sqlite3"
Document = dict[str, Any]


class Documents:
    """The documents as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        row = self._connection.execute(
            "SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, document: Document) -> None:
        """Store it; a new one goes to the end, a known one keeps its place."""
        self._connection.execute(
            "INSERT INTO document (kind, key, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key, json.dumps(document)),
        )

    def delete(self, kind: str, key: str) -> None:
        """Forget it."""
        self._connection.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> list[Document]:
        """All of a kind, oldest first."""
        rows = self._connection.execute(
            "SELECT body FROM document WHERE kind = ? ORDER BY place", (kind,)
        )
        return [json.loads(row[0]) for row in rows]

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        query = "SELECT count(*) FROM document WHERE kind = ?"
        return int(self._connection.execute(query, (kind,)).fetchone()[0])


class Store:
    """One file in `folder`; transactions are one at a time and durable when they end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            folder / FILE, isolation_level=None, check_same_thread=False, timeout=20
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS document (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, "
            "key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key))"
        )

    @contextmanager
    def transaction(self) -> Iterator[Documents]:
        """All or nothing: an error leaves everything as it was."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Documents(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()
