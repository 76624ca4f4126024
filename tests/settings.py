"""The project's settings for tests: a throw-away data folder, a broker that only collects messages.

`DATABASE_URL` (set by `tests/with_postgres.py`) is the one setting of the caller that counts.
Flows that start real processes use the real settings and a real queue; see tests/flows.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

TEMPORARY = "COUNTERSIGN_TEST_FOLDER"


def _folder() -> Path:
    """One folder for the whole test session: workers of pytest-xdist inherit their parent's."""
    if TEMPORARY not in os.environ:
        os.environ[TEMPORARY] = made = tempfile.mkdtemp(prefix="countersign-tests-")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(os.environ[TEMPORARY])


for name in [name for name in os.environ if name.startswith("COUNTERSIGN_") and name != TEMPORARY]:
    del os.environ[name]
os.environ.pop("REDIS_URL", None)
os.environ["COUNTERSIGN_DATA_DIR"] = str(_folder())

from gateway.settings import *  # noqa: E402, F403 - the environment above has to come first
from gateway.settings import DATABASES  # noqa: E402

# Roles belong to the whole cluster: each process of a test run makes its own.
DATABASE_ROLE_PREFIX = f"test{os.getpid()}"
TASK_BROKER = "stub"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Hashing a password properly takes 200 ms each time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, because threads cannot share an in-memory database without "table is locked".
    DATABASES["default"]["TEST"] = {"NAME": str(_folder() / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON;"
    )
else:
    # Threads of tests open connections of their own; a pool would keep them past the test's end.
    DATABASES["default"]["OPTIONS"].pop("pool", None)
