"""Whose calls a version on trial counts for (pure)."""

import hashlib

BUCKETS = 10_000


def share_of(policy_id: str, key: str) -> float:
    """Where a run stands among all, in percent from 0 up to 100; always the same for one run.

    The policy's id goes in, so that two policies on trial do not choose the same runs.
    """
    value = hashlib.sha256(f"{policy_id}:{key}".encode()).digest()[:8]
    return int.from_bytes(value, "big") % BUCKETS / (BUCKETS / 100)


def is_chosen(policy_id: str, key: str, *, percent: int) -> bool:
    """Whether a share of so many percent holds this run; a growing share keeps whom it held."""
    return share_of(policy_id, key) < percent
