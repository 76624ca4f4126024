"""What lies outside the log and was sealed into it by digest; who sealed it says how to compare.

This app knows nothing above it, so whoever writes such records registers a check under the name of
their action, and `audit_verify` hands each of them over.
"""

from collections.abc import Iterator
from typing import Any, Protocol
from uuid import UUID

from django.utils.module_loading import import_string

from audit.actions import AuditAction


class Evidence(Protocol):
    """One verification of what was sealed; it remembers what it saw until the end."""

    def check(self, record: UUID, meta: dict[str, Any]) -> Iterator[str]:
        """What is no longer as one record sealed it, each as a sentence that names it."""
        ...

    def rest(self) -> Iterator[str]:
        """Once every record was seen: what should be sealed and is not, or pretends to be."""
        ...


KINDS: dict[AuditAction, str] = {}


def register(action: AuditAction, name: str) -> None:
    """Have the records of this action checked by the class of this name, one for each run.

    A name, because apps register while their models cannot be imported yet.
    """
    KINDS[action] = name


def begin() -> dict[str, Evidence]:
    """A fresh check for each kind, by the name of its action."""
    return {str(action): import_string(name)() for action, name in KINDS.items()}
