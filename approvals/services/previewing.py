"""The read-only look at what an action would touch, before anybody decides."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from approvals import sensitive
from approvals.sensitive import Hit, PreviewState
from approvals.services.masking import masked
from approvals.services.outside import account_of, connector_request
from gateway.connectors import registry
from gateway.connectors.base import ConnectorRequest
from gateway.http.door import door
from gateway.http.errors import NOT_OUR_TURN, OutsideError
from gateway.lib.errors import DomainError
from gateway.lib.sealing import CannotUnseal
from gateway.lib.wordlists import NO_LISTS, WordLists
from gateway.tools.models import ToolVersion

log = structlog.get_logger(__name__)
PREVIEW_DEADLINE_S = 5.0


@dataclass(frozen=True)
class Preview:
    """State before and after, and who is affected; or why that could not be read.

    `again_in_s`: the service was not asked, because it takes no more calls for so long.
    """

    before: Any = None
    after: Any = None
    affected: list[dict[str, str]] = field(default_factory=list)
    as_of: datetime | None = None
    error: str = ""
    sensitive: tuple[Hit, ...] = ()
    again_in_s: float | None = None

    @property
    def state(self) -> PreviewState:
        """Whether there was something to read, and it could be read."""
        return "unread" if self.error else "read"


def preview_of(
    version: ToolVersion | None,
    arguments: Any,
    *,
    rendered: dict[str, Any],
    lists: WordLists = NO_LISTS,
) -> Preview | None:
    """Read what would change; a service that cannot be read is told to the reviewer, not hidden.

    What is sensitive in it is searched for before anything is masked.
    """
    if version is None:
        return None
    try:
        with door(account_of(version)) as sender:
            request = connector_request(
                version, sender, arguments=arguments, rendered=rendered,
                idempotency_key="preview", deadline_s=PREVIEW_DEADLINE_S,
            )  # fmt: skip
            return read(version, request, lists=lists)
    except (DomainError, CannotUnseal) as error:
        return _unread(version, error, arguments)


def read(
    version: ToolVersion, request: ConnectorRequest, *, lists: WordLists = NO_LISTS
) -> Preview | None:
    """The state as it is now, through a request that is made already; None without a preview."""
    asked = replace(request, deadline_s=min(request.deadline_s, PREVIEW_DEADLINE_S))
    try:
        found = registry.connector(version.connector).preview(asked)
    except (OutsideError, DomainError) as error:
        return _unread(version, error, request.arguments)
    if found is None:
        return None
    return Preview(
        before=masked(found.before, version.sensitive),
        after=masked(found.after, version.sensitive),
        affected=[
            {"kind": item.kind, "id": item.id, "label": item.label} for item in found.affected
        ],
        as_of=found.as_of,
        sensitive=tuple(sensitive.find({"before": found.before, "after": found.after}, lists)),
    )


def _unread(version: ToolVersion, error: Exception, arguments: Any) -> Preview:
    said = masked(str(error), of=arguments, paths=version.sensitive)
    log.warning("preview_failed", tool=version.tool.name, reason=said)
    again_in_s = None
    if isinstance(error, OutsideError) and error.reason in NOT_OUR_TURN:
        again_in_s = error.retry_after
    detail = f"The present state could not be read: {said}"[:300]
    return Preview(error=detail, again_in_s=again_in_s)
