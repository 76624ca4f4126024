"""Who is acting, where, and under which correlation id: bound once per request or job."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import structlog

KINDS = frozenset({"person", "api_key", "agent", "provider", "source", "policy", "system"})
CORRELATION_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
)
MAX_CORRELATION_ID = 128


@dataclass(frozen=True)
class Actor:
    """Who did it: a kind and an id, never a name, e-mail or address."""

    kind: str
    id: str
    auth: str = ""
    session: str = ""
    on_behalf_of: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of actor: {self.kind}")


@dataclass(frozen=True)
class Target:
    """What it was done to."""

    kind: str
    id: str
    version: int | None = None


@dataclass(frozen=True)
class Scope:
    """The public ids of the tenant a record belongs to and, where it has one, the environment."""

    tenant: str | None
    environment: str | None = None


@dataclass(frozen=True)
class Context:
    """What every record of one request or job shares."""

    actor: Actor
    correlation_id: str
    request_id: str = ""
    ip_hmac: str = ""


SYSTEM = Actor("system", "countersign")
NOWHERE = Scope(None)
_current: ContextVar[Context | None] = ContextVar("audit_context", default=None)


def new_correlation_id() -> str:
    """A fresh id for a journey that begins here."""
    return f"cor_{secrets.token_hex(12)}"


def well_formed(text: str) -> bool:
    """Whether a correlation id from outside may be taken over."""
    return 0 < len(text) <= MAX_CORRELATION_ID and CORRELATION_CHARACTERS.issuperset(text)


def current() -> Context:
    """The bound context; outside a request or job the system acts."""
    return _current.get() or Context(SYSTEM, new_correlation_id())


def correlation_id() -> str:
    """The id that ties this request or job to the rest of its journey."""
    return current().correlation_id


def begin(
    *, actor: Actor, correlation_id: str = "", request_id: str = "", ip_hmac: str = ""
) -> Context:
    """Bind the context of a new request or job, replacing whatever its thread had before."""
    context = Context(actor, correlation_id or new_correlation_id(), request_id, ip_hmac)
    _current.set(context)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(correlation_id=context.correlation_id)
    return context


def end() -> None:
    """Forget the context of the request or job that ended."""
    _current.set(None)
    structlog.contextvars.clear_contextvars()


def adopt(correlation: str) -> None:
    """Go on under the correlation id that a row carries."""
    if correlation:
        _current.set(replace(current(), correlation_id=correlation))
        structlog.contextvars.bind_contextvars(correlation_id=correlation)


@contextmanager
def bind(*, actor: Actor | None = None, correlation_id: str = "") -> Iterator[Context]:
    """Act as somebody else, or under another correlation id, within the block."""
    before = _current.get()
    context = current()
    context = replace(
        context,
        actor=actor or context.actor,
        correlation_id=correlation_id or context.correlation_id,
    )
    token = _current.set(context)
    structlog.contextvars.bind_contextvars(correlation_id=context.correlation_id)
    try:
        yield context
    finally:
        _current.reset(token)
        if before is not None:
            structlog.contextvars.bind_contextvars(correlation_id=before.correlation_id)
        else:
            structlog.contextvars.unbind_contextvars("correlation_id")
