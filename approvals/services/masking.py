"""Masking with this deployment's key, so that a mask's fingerprint cannot be guessed back."""

from collections.abc import Iterable
from typing import Any

from approvals.redact import redact
from gateway.lib.sealing import mask_key


def masked(value: Any, paths: Iterable[str] = ()) -> Any:
    """A copy with secrets and the named sensitive paths masked."""
    return redact(value, paths, key=mask_key())
