"""What every agent provider adapter takes and gives. Pure data: no models, no I/O of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from gateway.http.errors import OutsideError
from gateway.http.messages import Sender
from gateway.lib.strictjson import Marked

DEFAULT_DEADLINE_S = 30.0


class RunStatus(StrEnum):
    """The seven states of a run, as a provider may report them."""

    QUEUED = "queued"
    RUNNING = "running"
    TOOL_REQUIRED = "tool_required"
    WAITING_APPROVAL = "waiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class Unparsable(Exception):
    """The payload is meant for this adapter but cannot be read; repeating cannot help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ProviderRequest:
    """Where and as whom to call; `deadline_s` is what is left for the whole call."""

    client: Sender
    base_url: str
    api_key: str = field(repr=False)
    correlation_id: str
    idempotency_key: str
    deadline_s: float = DEFAULT_DEADLINE_S


@dataclass(frozen=True)
class StartRequest:
    """The run that is wanted."""

    client_run_id: str
    task: str
    constraints: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    callback_url: str = ""


@dataclass(frozen=True)
class ToolError:
    """Why a tool call has no result: code as in the contract, reason in words, worth repeating?"""

    code: str
    message: str
    retryable: bool = False


@dataclass(frozen=True)
class ToolAnswer:
    """The answer to one tool call: `error` where there is one, else `result` (any JSON value).

    `effective_arguments` are those that ran, where a reviewer had changed the agent's own.
    `result_mismatch` says where the result is not what the tool promises; the call happened.
    """

    call_id: str
    result: Any = None
    result_mismatch: str = ""
    error: ToolError | None = None
    effective_arguments: Any = None


@dataclass(frozen=True)
class ToolCall:
    """One call the agent wants; `id` is None where the provider gives none.

    `arguments` is Marked where the text has more than one meaning: it must never be executed.
    """

    id: str | None
    index: int
    name: str
    arguments: Any | Marked


@dataclass(frozen=True)
class Usage:
    """What the provider says the run has used so far; money in millionths of a US dollar."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    steps: int = 0


@dataclass(frozen=True)
class RunUpdate:
    """One thing a provider reported about a run; `event` is the provider's own word for it."""

    run_id: str
    status: RunStatus
    calls: tuple[ToolCall, ...] = ()
    output: Any = None
    error: Any = None
    usage: Usage | None = None
    sequence: int | None = None
    occurred_at: datetime | None = None
    event: str = ""


class Provider(Protocol):
    """A service that runs agents. Calls raise OutsideError."""

    name: str

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """Start a run; the same idempotency key never starts a second one."""
        ...

    def submit_result(
        self, request: ProviderRequest, run_id: str, answer: ToolAnswer
    ) -> RunUpdate | None:
        """Hand over one answer; None where the reply says nothing about the run."""
        ...

    def cancel(self, request: ProviderRequest, run_id: str) -> RunUpdate | None:
        """Ask for the end of a run; None where the reply says nothing about it."""
        ...

    def parse(self, payload: bytes) -> RunUpdate | None:
        """Read a webhook's raw bytes; None for a type without meaning, raises Unparsable."""
        ...


@runtime_checkable
class Fetcher(Protocol):
    """A provider whose webhooks may only say that something happened: it can be asked what."""

    def is_thin(self, payload: bytes) -> bool:
        """Whether this webhook names something that is to be fetched before it is acted upon."""
        ...

    def fetch(self, request: ProviderRequest, payload: bytes) -> bytes:
        """What the webhook is about, as JSON. Raises OutsideError, Unparsable where it names none.

        Reading changes nothing over there, so it may be repeated.
        """
        ...


def not_built(provider: str, what: str) -> OutsideError:
    """The error of a part of an adapter that is not there: said clearly, never pretended."""
    detail = f"Countersign cannot {what} at {provider} yet; it only fetches what its events name."
    return OutsideError("not_supported", True, False, detail=detail)
