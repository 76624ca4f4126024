"""What every connector takes and gives. Pure data: no models, no I/O of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from gateway.http.messages import RetryClass, Sender


class OutcomeStatus(StrEnum):
    """How an attempt ended; `unknown` where nobody can say whether it happened."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Unknown(LookupError):
    """There is no connector, or no operation of a connector, with this name."""


@dataclass(frozen=True)
class Secret:
    """A revealed credential, in the form it is used.

    `bearer` token, `basic` user and password, a named `header`, `dsn` (the address of a database
    or mail server, with its password) or `aws_sigv4` (`username` is the access key's id; `region`
    and `service` are what the signature names). `pinned` are headers that go with it, such as the
    version of the service's API, where the request does not say them itself. `hosts` are the only
    ones that it may go to (`gateway.lib.hosts`); empty: wherever a tool says.
    """

    kind: str
    value: str = field(repr=False)
    username: str = ""
    header: str = ""
    region: str = ""
    service: str = ""
    pinned: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectorRequest:
    """One attempt. `rendered` is what was approved, without secrets; it is sent as it stands.

    `hidden` are texts beside the credential that no answer may bring into what is kept.
    `side_effect` is the tool's class as people defined it, empty where no tool is behind the call:
    what an answer leaves open is open only where something may have changed. `deadline_s` is what
    is left for the whole attempt. `renew` gives a fresh credential in place of
    one that the service no longer takes (401), or None where there is none to get.
    """

    client: Sender
    secret: Secret | None
    config: Mapping[str, Any]
    operation: str
    arguments: Mapping[str, Any]
    rendered: Mapping[str, Any]
    idempotency_key: str
    deadline_s: float
    correlation_id: str
    renew: Callable[[], Secret | None] | None = None
    side_effect: str = ""
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def only_reads(self) -> bool:
        """Whether people said that the tool changes nothing."""
        return self.side_effect == "read"


@dataclass(frozen=True)
class Operation:
    """One thing a connector can do, as a tool's definition takes it over.

    All of it is our judgement of the service, not the service's word. `schema` is the strict JSON
    Schema of its arguments; None where each tool brings its own. `effect` is the template of the
    sentence a reviewer reads, `material` the paths of the state before that must not have moved
    since the approval, `sensitive` the arguments that are masked. `undo` names the operation that
    takes it back. `takes_key` says that the service knows a call by the action's key when it comes
    again; where it does not, one is repeated only over the state it was approved for.
    `documentation` is the service's own page about the call, `proof` says what the
    shapes were tried against.
    """

    name: str
    title: str
    side_effect: Literal["read", "write", "destructive"]
    retry_class: RetryClass
    schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    risk: Literal["low", "medium", "high", "critical"] = "medium"
    effect: str = ""
    affected: str = ""
    material: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    has_preview: bool = False
    has_lookup: bool = False
    takes_key: bool = True
    undo: str = ""
    documentation: str = ""
    proof: str = ""


@dataclass(frozen=True)
class Affected:
    """Someone or something the action touches."""

    kind: str
    id: str
    label: str = ""


@dataclass(frozen=True)
class Preview:
    """The state before and after, read without changing anything, at `as_of`."""

    before: Any
    after: Any
    affected: tuple[Affected, ...]
    as_of: datetime


@dataclass(frozen=True)
class Reply:
    """What may be kept of the other side's answer: a few headers and the body's beginning."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Outcome:
    """The end of one attempt.

    `reason` is a stable code, `error` a sentence; both empty after success.
    `may_have_happened` and `retryable` are reported as they are: the executor decides.
    """

    status: OutcomeStatus
    result: Any = None
    error: str = ""
    reason: str = ""
    response: Reply | None = None
    may_have_happened: bool = False
    retryable: bool = False
    retry_after: float | None = None


class Connector(Protocol):
    """Performs operations on one kind of service."""

    @property
    def name(self) -> str:
        """What tools call it."""
        ...

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Its operations by name."""
        ...

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition before it is saved; raises Unknown or RenderError."""
        ...

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure. Raises Unknown or RenderError."""
        ...

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """What would change; None where the operation has no preview. Raises OutsideError."""
        ...

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Do it once. Never raises for what the outside does: that is the outcome."""
        ...


class Limited(Protocol):
    """A connector that knows what its service allows one credential; a connection may change it.

    As in `gateway.http.limits`: `{"requests": "2/s, burst 40", "points": "50/s, burst 1000"}`.
    """

    @property
    def limits(self) -> Mapping[str, Any]:
        """What differs from the defaults."""
        ...


@runtime_checkable
class Searchable(Protocol):
    """A connector that can say, by idempotency key, whether an attempt took effect."""

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """The outcome as the service remembers it; None where it has none for this key.

        An outcome that is `unknown` says that the service is not done with it yet. Raises
        OutsideError where the service cannot be asked.
        """
        ...
