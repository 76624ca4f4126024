"""The last looks at the outside before anything is sent; they only read.

After an attempt whose answer was lost the service is asked by key what became of it. Before any
other attempt the entity is read again: what people approved, or rules allowed, was its state then.
"""

from dataclasses import dataclass
from typing import Literal

import structlog

from approvals.models import Action, Execution
from approvals.services import binding, previewing, remembering, rerunning
from approvals.services.definitions import (
    can_look_up,
    definition_of,
    material_of,
    may_repeat,
    operation_of,
)
from approvals.services.previewing import Preview
from approvals.services.remembering import Memory
from approvals.states import ExecutionStatus
from gateway.connectors.base import ConnectorRequest
from gateway.lib import wordlists
from gateway.lib.clock import database_now

log = structlog.get_logger(__name__)
NO_PREVIEW = "The tool does not say any more what it would change."
Reason = Literal[
    "found", "absent", "unreadable", "target_drifted", "state_unreadable", "target_taken",
    "moved_since", "no_token", "not_sent",
]  # fmt: skip


@dataclass(frozen=True)
class NotSent:
    """Why an attempt asked nothing of the service: it was settled by a look, or held by one.

    `found`, `absent` and `unreadable` answer the look-up, with its `memory`; `target_drifted` and
    `state_unreadable` the second look at the entity, with its `preview`, and `moved_since` the look
    before a repetition of a call whose service takes no key; `no_token` says that
    there is no credential just now, `not_sent` that it or the connector is missing; `target_taken`
    that the lease ended while it got ready, and another action has the target.
    """

    reason: Reason
    detail: str
    memory: Memory | None = None
    preview: Preview | None = None

    @property
    def again_in_s(self) -> float | None:
        """In how many seconds it is its turn, where the service takes no more calls just now."""
        looked = self.memory or self.preview
        return looked.again_in_s if looked else None


def before_sending(execution: Execution, request: ConnectorRequest) -> NotSent | None:
    """What keeps this attempt from being sent; None where nothing does."""
    action = execution.action
    lost = lost_before(execution)
    if lost is None:
        return _drifted(action, request)
    memory = None
    if can_look_up(action):
        memory = remembering.look_up(action, request)
        execution.looked_up = memory.as_dict(action)
        if memory.state != "absent":
            return NotSent(memory.state, memory.detail, memory=memory)
    if may_send_again(action, lost.attempt):
        return _overwrites(action, request, lost.attempt)
    why = "It is too late" if is_too_late(action) else "A call of this kind is never repeated"
    detail = memory.detail if memory else f"{why}."
    return NotSent("absent", detail, memory=memory)


def _overwrites(action: Action, request: ConnectorRequest, lost: int) -> NotSent | None:
    """What keeps a call from being repeated whose service does not know it by its key.

    It may have happened, and others may have changed the same since: it is repeated only where all
    is as it was approved, or already as it is wanted. What two people ordered is not held up.
    """
    operation = operation_of(definition_of(action))
    if operation is None or operation.takes_key or action.previewed_at is None:
        return None
    if action.reopened_at is not None and rerunning.is_ordered_after(action, lost):
        return None
    seen, paths = _read(action, request), material_of(definition_of(action))
    if seen is None or seen.error:
        return NotSent("unreadable", seen.error if seen else NO_PREVIEW, preview=seen)
    # All of it: what the call changes need not be what must not move.
    wanted = seen.before is not None and not binding.moved(seen.after, seen.before, [])
    moved = binding.moved(action.before, seen.before, paths)
    if wanted or not moved:
        return None
    detail = f"It may have happened, and others changed it since: {', '.join(moved)}."
    return NotSent("moved_since", detail, preview=seen)


def lost_before(execution: Execution) -> Execution | None:
    """The latest attempt before this one of which nobody knows what became."""
    if execution.attempt == 1:
        return None
    earlier = execution.action.executions.filter(
        attempt__lt=execution.attempt, status=ExecutionStatus.UNKNOWN
    )
    return earlier.order_by("attempt").last()


def may_send_again(action: Action, lost: int) -> bool:
    """Whether an attempt may follow the one of this number, which may have happened.

    By the tool's class, with the same key; or because two people ordered it since. Never after the
    time it had: a service remembers a key for some hours, people what they ordered not much longer.
    """
    if is_too_late(action):
        return False
    if may_repeat(action) and action.called_off_at is None:
        return True
    return action.reopened_at is not None and rerunning.is_ordered_after(action, lost)


def is_too_late(action: Action) -> bool:
    """Whether its time to be executed is over, by the database's clock."""
    return action.execute_by is not None and action.execute_by <= database_now()


def may_go_on(action: Action, lost: int) -> bool:
    """Whether anything is left to do about a lost answer but to ask a person."""
    return may_send_again(action, lost) or can_look_up(action)


def _drifted(action: Action, request: ConnectorRequest) -> NotSent | None:
    if action.previewed_at is None:
        # Nothing was read when it was decided, and the card said so: nothing can have moved.
        return None
    seen = _read(action, request)
    if seen is None or seen.error:
        detail = seen.error if seen else NO_PREVIEW
        return NotSent("state_unreadable", detail, preview=seen)
    moved = binding.moved(action.before, seen.before, material_of(definition_of(action)))
    if not moved:
        return None
    detail = f"What it would change moved since it was decided: {', '.join(moved)}."
    return NotSent("target_drifted", detail, preview=seen)


def _read(action: Action, request: ConnectorRequest) -> Preview | None:
    lists = wordlists.load(action.environment.word_lists)
    try:
        return previewing.read(definition_of(action), request, lists=lists)
    except Exception as error:  # a connector's bug: the state was not read
        log.exception("preview_crashed", action=action.public_id)
        return Preview(error=f"The connector failed: {type(error).__name__}")
