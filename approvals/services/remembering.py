"""What a service says of a call: asked by key after a lost answer, and held to its promises."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog
from django.utils import timezone

from approvals.models import Action
from approvals.services.definitions import definition_of
from approvals.services.masking import shown
from gateway.connectors import registry
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus, Searchable
from gateway.http.errors import NOT_OUR_TURN, OutsideError
from gateway.tools import schema
from gateway.tools.models import ToolVersion

log = structlog.get_logger(__name__)
LOOK_UP_DEADLINE_S = 10.0
SHOWN_PROBLEMS = 5
State = Literal["found", "absent", "unreadable"]


@dataclass(frozen=True)
class Memory:
    """What the service said: it has an `outcome` under the key, or none, or it could not be read.

    A service that is not done with the call yet cannot be read either: only its last word counts.
    `again_in_s`: it was not asked, because it takes no more calls for so long.
    """

    state: State
    outcome: Outcome | None = None
    detail: str = ""
    again_in_s: float | None = None

    def as_dict(self, action: Action) -> dict[str, Any]:
        """As it is kept with the attempt, redacted."""
        result = self.outcome.result if self.outcome else None
        return {
            "state": self.state,
            "at": timezone.now().isoformat(),
            "status": self.outcome.status.value if self.outcome else None,
            "detail": self.detail[:300],
            "result": shown(action, result),
        }


def look_up(action: Action, request: ConnectorRequest) -> Memory:
    """Ask under the request's key. Never raises for what the outside, or a connector, does."""
    memory = _asked(action, request)
    outcome = memory.outcome and replace(memory.outcome, error=shown(action, memory.outcome.error))
    return replace(memory, outcome=outcome, detail=shown(action, memory.detail))


def _asked(action: Action, request: ConnectorRequest) -> Memory:
    version = definition_of(action)
    connector = registry.connector(version.connector)
    if not isinstance(connector, Searchable):
        return Memory("unreadable", detail=f"The {version.connector} connector cannot look up.")
    asked = replace(request, deadline_s=min(request.deadline_s, LOOK_UP_DEADLINE_S))
    try:
        outcome = connector.lookup(asked)
    except OutsideError as error:
        wait_s = error.retry_after if error.reason in NOT_OUR_TURN else None
        return Memory("unreadable", detail=error.detail, again_in_s=wait_s)
    except Exception as error:  # a connector's bug: nothing was learned
        log.exception("lookup_crashed", action=action.public_id)
        return Memory("unreadable", detail=f"The connector failed: {type(error).__name__}")
    if outcome is None:
        return Memory("absent", detail="The service knows nothing under this key.")
    if outcome.status == OutcomeStatus.UNKNOWN:
        return Memory("unreadable", detail=outcome.error or "The service is not done with it yet.")
    return Memory("found", outcome, detail=outcome.error)


def mismatch(version: ToolVersion, result: Any) -> str:
    """Where a result is not what the definition promises; the call happened all the same."""
    if version.output_schema is None:
        return ""
    found = schema.problems(version.output_schema, result)
    shown = [f"{one.path or 'result'}: {one.message}" for one in found[:SHOWN_PROBLEMS]]
    more = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
