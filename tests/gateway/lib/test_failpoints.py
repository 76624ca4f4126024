"""Where processes die on order: each place exactly once in the code, and nothing without orders."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway.lib import failpoints
from gateway.lib.failpoints import VARIABLE, Point

ROOT = Path(__file__).resolve().parents[3]
REACHED = re.compile(r"\breach\(\s*Point\.([A-Z_]+)")
# What must not be written down of a request that a failpoint is asked about.
SUBJECT = "POST /refunds HTTP/1.1\\r\\nAuthorization: Bearer hush\\r\\nIdempotency-Key: act_{:026d}"
PASSING = f"""
import sys
from gateway.lib.failpoints import Point, reach
for number in range(1, 6):
    reach(Point.SENT, "{SUBJECT}".format(number % 2))
    reach(Point.TAKEN)
    print(number, flush=True)
"""


def run(orders: Path, code: str = PASSING, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, VARIABLE: str(orders), **more}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_every_point_stands_exactly_once_in_the_code() -> None:
    places: Counter[str] = Counter()
    for package in ("approvals", "audit", "gateway", "webhooks"):
        for file in (ROOT / package).rglob("*.py"):
            places.update(REACHED.findall(file.read_text(encoding="utf-8")))
    assert places == dict.fromkeys(Point.__members__, 1)
    assert len(Point) == 14


def test_without_the_variable_a_pass_is_nothing() -> None:
    assert failpoints.reach is failpoints.off


@pytest.mark.parametrize(
    ("order", "printed"), [("taken@3", 2), ("sent@2", 1), ("sent@2 act_" + "0" * 26, 3)]
)
def test_the_process_dies_at_the_pass_that_is_ordered_and_its_successor_lives(
    tmp_path: Path, order: str, printed: int
) -> None:
    orders = tmp_path / "orders"
    orders.write_text(order)
    died = run(orders)
    assert (died.returncode, died.stdout.split()) == (
        -signal.SIGKILL,
        [str(number) for number in range(1, printed + 1)],
    )
    assert not orders.exists()
    lived = run(orders)
    assert (lived.returncode, len(lived.stdout.split())) == (0, 5)


def test_the_line_of_a_death_names_the_action_and_no_credential(tmp_path: Path) -> None:
    orders = tmp_path / "orders"
    orders.write_text("sent@1")
    told = run(orders).stderr
    assert f'"point": "sent", "ids": "act_{"0" * 25}1"' in told
    assert "hush" not in told


def test_production_does_not_start_with_failpoints(tmp_path: Path) -> None:
    refused = run(tmp_path / "orders", "import gateway.settings", COUNTERSIGN_ENV="production",
                  COUNTERSIGN_DATA_DIR=str(tmp_path), COUNTERSIGN_SECRET_KEY="x" * 64,
                  COUNTERSIGN_ENCRYPTION_KEYS="0" * 64, COUNTERSIGN_APPROVAL_SIGNING_KEY="0" * 64,
                  COUNTERSIGN_AUDIT_SIGNING_KEY="0" * 64)  # fmt: skip
    assert refused.returncode != 0
    assert f"{VARIABLE} is for tests only" in refused.stderr
