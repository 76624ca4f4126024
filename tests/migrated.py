"""A migrated database, made once for each state of the migrations and copied from then on.

Migrating takes longer than all the rest of a test's start. The copy is kept where pytest keeps its
own memory, under a name that tells what went into it; `pytest --cache-clear` forgets it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3.creation import DatabaseCreation

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "migrated"
MANAGE = [sys.executable, str(ROOT / "manage.py")]
SQLITE = "countersign.sqlite3"
APPS = ("approvals", "audit", "gateway", "webhooks")
# Besides the migrations: what they build with, what is installed after them, and which Django.
MORE_INPUTS = ("gateway/lib/indexes.py", "audit/triggers.py", "requirements-dev.lock")

_begin = DatabaseCreation._create_test_db


def state() -> str:
    """Names the schema: another migration, trigger or Django gives another name."""
    files = [
        *sorted(ROOT.glob("[a-z]*/**/migrations/*.py")),
        *(ROOT / name for name in MORE_INPUTS),
    ]
    content = hashlib.sha256()
    for file in files:
        content.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return content.hexdigest()[:16]


def migrated_file() -> Path:
    """A SQLite file with every table and no row of ours; whoever comes first makes it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    found = KEPT / f"{state()}.sqlite3"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            for old in KEPT.glob("*.sqlite3"):
                old.unlink()
            with tempfile.TemporaryDirectory(dir=KEPT) as folder:
                migrate(shell() | {"COUNTERSIGN_DATA_DIR": folder})
                (Path(folder) / SQLITE).replace(found)
    return found


def migrate(environment: dict[str, str]) -> None:
    """Migrate the database that this environment names, as an operator does."""
    command = [*MANAGE, "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)


def shell() -> dict[str, str]:
    """The variables of a stranger's shell: nothing of the test run's own settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COUNTERSIGN_", "DJANGO_", "PYTEST_"))
        and name not in {"DATABASE_URL", "REDIS_URL"}
    }


def begin_with_the_copy(creation: DatabaseCreation, *how: Any, **more: Any) -> str:
    """Takes the place of `_create_test_db` on SQLite; `migrate` still runs, and finds all done."""
    name = _begin(creation, *how, **more)
    shutil.copy(migrated_file(), name)
    return str(name)
