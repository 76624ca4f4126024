"""T46: a production configuration as operators would write it, asked by Django's own checks."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway import env

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[2]
HOST = "desk.example.com"
# The checks, and a page that needs no database, asked as a proxy passes requests on.
ASK = """
import json, sys, django
django.setup()
from django.core.checks import run_checks
from django.test import Client
found = [m for m in run_checks(include_deployment_checks=True, databases=[])]
answer = Client().get("/accounts/login/", headers=json.loads(sys.argv[1]))
print(json.dumps({
    "found": sorted(m.id for m in found if not m.is_silenced()),
    "silenced": sorted(m.id for m in found if m.is_silenced()),
    "status": answer.status_code,
    "sts": answer.headers.get("Strict-Transport-Security"),
    "cookies": {name: bool(one["secure"]) for name, one in answer.cookies.items()},
}))
"""


@cache
def production(url: str = f"https://{HOST}", *, proxies: int = 1) -> dict[str, Any]:
    """What a process of its own says of itself behind so many proxies at this public address."""
    secrets = ("SECRET_KEY", "ENCRYPTION_KEYS", "APPROVAL_SIGNING_KEY", "AUDIT_SIGNING_KEY")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COUNTERSIGN_", "DJANGO_"))}
    with TemporaryDirectory(prefix="countersign-deploy-") as folder:
        given = {
            "COUNTERSIGN_ENV": "production", "COUNTERSIGN_PUBLIC_URL": url,
            "COUNTERSIGN_TRUSTED_PROXIES": str(proxies), "COUNTERSIGN_DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/none.sqlite3",
            "DJANGO_SETTINGS_MODULE": "gateway.settings",
            **{f"COUNTERSIGN_{name}": env.random_key() for name in secrets},
        }  # fmt: skip
        headers = json.dumps({"Host": HOST, "X-Forwarded-Proto": "https"})
        done = subprocess.run(
            [sys.executable, "-c", ASK, headers], cwd=ROOT, env=kept | given, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_djangos_checks_for_a_deployment_find_nothing() -> None:
    assert production()["found"] == []
    # Each with its reason in the settings.
    assert production()["silenced"] == ["security.W005", "security.W008", "security.W021"]


def test_the_same_checks_find_a_public_address_without_tls() -> None:
    found = production(f"http://{HOST}", proxies=0)["found"]
    assert set(found) == {"security.W004", "security.W012", "security.W016"}


def test_behind_a_proxy_that_speaks_tls_browsers_are_bound_to_it() -> None:
    assert production()["status"] == 200
    assert production()["sts"] == "max-age=31536000"
    assert production()["cookies"] == {"__Host-csrf": True}


def test_without_a_trusted_proxy_nobody_says_that_it_was_tls() -> None:
    assert production(f"http://{HOST}", proxies=0)["sts"] is None
    assert production(proxies=0)["sts"] is None
