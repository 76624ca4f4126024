"""The project's settings for tests: a data folder of their own, in-memory queue and channel layer.

Flows that start real processes use the real queue; see tests/flows.
"""

import os
import tempfile

DATA_DIR_OF_TESTS = tempfile.mkdtemp(prefix="countersign-tests-")
os.environ["COUNTERSIGN_DATA_DIR"] = DATA_DIR_OF_TESTS
os.environ.setdefault("DATABASE_URL", f"sqlite:///{DATA_DIR_OF_TESTS}/main.sqlite3")

from gateway.settings import *  # noqa: E402, F403 - the variables above must be set before
from gateway.settings import DATABASES  # noqa: E402

TASK_BROKER = "stub"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and processes of one test see the same database.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA_DIR_OF_TESTS}/test.sqlite3"}
else:
    # Threads of tests open connections of their own; a pool would keep them past the test's end.
    DATABASES["default"]["OPTIONS"].pop("pool", None)
