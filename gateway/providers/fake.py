"""A provider that runs nothing: remembers what it was asked, and fails on request. For tests."""

from dataclasses import dataclass, field

from gateway.http.errors import OutsideError
from gateway.providers.base import (
    ProviderRequest,
    RunStatus,
    RunUpdate,
    StartRequest,
    ToolAnswer,
    ToolCall,
    Unparsable,
)


@dataclass
class FakeProvider:
    """Takes every call; `fail_with` makes the next ones raise, `fail_at` those to an address."""

    name = "fake"
    started: dict[str, StartRequest] = field(default_factory=dict)
    answers: list[tuple[str, ToolAnswer]] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    fail_with: OutsideError | None = None
    fail_at: dict[str, OutsideError] = field(default_factory=dict)

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """A run named after the idempotency key, so that a repetition finds the same one."""
        self._may_fail(request)
        self.started.setdefault(request.idempotency_key, start)
        return RunUpdate(f"fake-{request.idempotency_key}", RunStatus.RUNNING, event="start")

    def submit_result(self, request: ProviderRequest, run_id: str, answer: ToolAnswer) -> RunUpdate:
        """Keeps the answer; the run goes on."""
        self._may_fail(request)
        self.answers.append((run_id, answer))
        return RunUpdate(run_id, RunStatus.RUNNING, event="resolve")

    def cancel(self, request: ProviderRequest, run_id: str) -> RunUpdate:
        """The run ends at once."""
        self._may_fail(request)
        self.canceled.append(run_id)
        return RunUpdate(run_id, RunStatus.CANCELED, event="cancel")

    def parse(self, payload: bytes) -> RunUpdate | None:
        """`RUN STATUS [TOOL]` as plain text; None for an empty payload."""
        if not payload.strip():
            return None
        try:
            run_id, status, *tools = payload.decode().split()
            calls = tuple(ToolCall(None, index, name, {}) for index, name in enumerate(tools))
            return RunUpdate(run_id, RunStatus(status), calls, event=status)
        except ValueError as error:
            raise Unparsable(str(error)) from error

    def _may_fail(self, request: ProviderRequest) -> None:
        if error := self.fail_with or self.fail_at.get(request.base_url):
            raise error
