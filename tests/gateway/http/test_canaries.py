"""T39: whatever an address looks like, nothing that is not public is ever connected to."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.gateway.http.canaries import ADDRESSES, NOTATIONS, OWN_NETWORK

NAMESPACE = ["unshare", "--net", "--map-root-user"]
TRY = [*NAMESPACE, "ip", "link", "set", "lo", "up"]


def has_own_network() -> bool:
    """Whether this machine lets us have a network of our own."""
    try:
        return subprocess.run(TRY, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    before = NAMESPACE if has_own_network() else []
    run = subprocess.run(
        [*before, sys.executable, "-m", "tests.gateway.http.canaries"],
        capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, OWN_NETWORK: "1" if before else ""},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(run.stdout)
    print(found)  # noqa: T201  the figures of docs/assurance.md
    return found


def test_two_hundred_attempts_reach_no_address_that_is_not_public(figures: dict[str, Any]) -> None:
    assert (len(ADDRESSES), len(NOTATIONS)) == (43, 60)
    expected = {
        "literally": 43, "by_name": 43, "oddly": 60, "by_redirect": 10, "by_mixed_records": 22,
    }  # fmt: skip
    if figures["all_addresses"]:
        expected["by_rebinding"] = 22
        assert sum(expected.values()) == 200
    assert figures["attempts"] == expected
    assert figures["heard"] == 0


def test_the_canaries_hear_what_is_allowed(figures: dict[str, Any]) -> None:
    if not figures["all_addresses"]:
        assert figures["heard_when_allowed"] == len(figures["listening"])
        pytest.skip(f"no network of our own: only {figures['listening']} could be listened to")
    # Loopback of both kinds and the metadata address; and each rebinding's first, public look-up.
    assert (figures["heard_when_allowed"], figures["heard_at_public_addresses"]) == (3, 22)
