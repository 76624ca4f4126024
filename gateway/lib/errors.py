"""The few errors that services raise; each says what happened and carries a stable code."""

from typing import Any


class DomainError(Exception):
    """A refusal with a stable code for machines and a sentence for people."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class Refused(DomainError):
    """The input cannot be taken as it is: the caller must change it."""


class Denied(DomainError):
    """The caller may not do this, whatever the input."""


class Conflict(DomainError):
    """The input contradicts what is stored already."""


class StaleState(Conflict):
    """The row changed since it was read: the caller must look again."""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__("stale_state", detail, **extra)
