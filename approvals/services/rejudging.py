"""An action that is stored already, asked of the gate anew: other arguments, another definition."""

import copy
from typing import Any

from approvals.models import Action
from approvals.services.judging import judge
from approvals.services.previewing import Preview
from approvals.services.proposing import fill_in
from approvals.services.wishes import RunContext, Wish, requester_of

# What follows from arguments and definition; number, digest, nonce and requirement come beside.
COLUMNS = (
    "tool_version", "arguments", "arguments_sha256", "rendered", "effect", "target", "target_key",
    "risk", "connection_revision", "before", "after", "affected", "previewed_at", "preview_error",
    "facts", "trace", "policy_hash", "rule",
)  # fmt: skip


def wish_of(action: Action, arguments: Any) -> Wish:
    """The call with these arguments, and what was known of its run when it was proposed."""
    run = None
    if action.run_id:
        run = RunContext(action.run_id, action.facts.get("run", {}), action.run_starter_id)
    return Wish(
        action.environment, action.agent, action.tool_name, arguments, requester_of(action), run,
        is_edit=True, undoes_id=action.undoes_id,
    )  # fmt: skip


def judged(action: Action, wish: Wish, preview: Preview | None) -> Action:
    """A copy of the action, not to be saved, as the gate would let the checked wish in now."""
    found = copy.copy(action)
    found.tool_version = wish.tool.current if wish.tool else None
    found.arguments, found.arguments_sha256 = wish.text, wish.sha256
    fill_in(found, wish, preview)
    judge(found, wish, preview, event_facts=action.facts.get("event", {}))
    return found


def columns_of(found: Action) -> dict[str, Any]:
    """The columns that the next version takes over from what was judged."""
    return {name: getattr(found, name) for name in COLUMNS}
