"""A connector that changes nothing outside: counts what it did, by key.

For tests, and for the rehearsal of the first-run wizard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gateway.connectors.base import (
    Affected,
    ConnectorRequest,
    Operation,
    Outcome,
    OutcomeStatus,
    Preview,
)
from gateway.connectors.operations import by_name, found
from gateway.http.messages import RetryClass

FORGETFUL = frozenset({"lose", "forget", "overwrite"})

SILENT = frozenset({"lose", "mumble", "overwrite"})


@dataclass
class FakeConnector:
    """`echo` gives its arguments back, `fail` is refused, `lose` acts without an answer.

    `mumble` is `lose` where the service can be asked by key afterwards; echo can be, too, and
    `forget` is an echo that cannot. `overwrite` puts its arguments over the state, whatever
    the key, and says nothing.
    """

    name = "fake"
    operations = by_name(
        *(
            Operation(name, title, side_effect="write", retry_class=RetryClass.UNSAFE,
                      has_preview=True, has_lookup=name not in FORGETFUL,
                      takes_key=name != "overwrite")
            for name, title in (
                ("echo", "Give back"), ("fail", "Refuse"), ("lose", "Say nothing"),
                ("mumble", "Say nothing, but remember"), ("forget", "Give back, and forget"),
                ("overwrite", "Put over, say nothing"),
            )
        )
    )  # fmt: skip
    calls: list[ConnectorRequest] = field(default_factory=list)
    effects: dict[str, Any] = field(default_factory=dict)
    # What became of the state before since a tool's configuration named it.
    world: dict[str, Any] = field(default_factory=dict)

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Any configuration will do; raises Unknown for another operation."""
        found(self.operations, operation, connector=self.name)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The operation and its arguments as they are."""
        self.check(operation, config, {})
        return {"kind": "fake", "operation": operation, "arguments": dict(arguments)}

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """From the configuration's `before` to the arguments; None without a `before`."""
        if "before" not in request.config:
            return None
        affected = (Affected("fake", request.operation),)
        after = dict(request.arguments)
        before = request.config["before"]
        if isinstance(before, Mapping):
            before = {**before, **self.world}
        if request.operation == "overwrite":
            after = {**before, **after}
        return Preview(before, after, affected, datetime.now(UTC))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Counts one effect per idempotency key, however often it is called."""
        self.calls.append(replace(request, secret=None))
        if request.operation == "fail":
            return Outcome(
                OutcomeStatus.FAILED, error="The fake service refused.", reason="refused"
            )
        if request.operation == "overwrite":
            self.world |= request.arguments
        result = self.effects.setdefault(request.idempotency_key, dict(request.arguments))
        if request.operation in SILENT:
            return Outcome(
                OutcomeStatus.UNKNOWN,
                error="The fake service did not answer.",
                reason="timeout",
                may_have_happened=True,
                retryable=True,
            )
        return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What happened under this key; None where nothing did."""
        if request.idempotency_key not in self.effects:
            return None
        result = self.effects[request.idempotency_key]
        return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)
