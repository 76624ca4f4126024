"""Every write of policies, actions, approvals and executions."""

from approvals.services import granting as grants
from approvals.services.commenting import answer, comment
from approvals.services.deciding import STEP_UP_NEEDED, approve, reject
from approvals.services.due import expire_due, sweep
from approvals.services.editing import edit
from approvals.services.masking import shown_arguments
from approvals.services.policies import change_policy, move_policy, restore, save_policy
from approvals.services.proposing import propose
from approvals.services.quorums import warnings_of
from approvals.services.reading import (
    asked,
    can_anybody_decide,
    eligible_reviewers,
    may_decide,
    must_step_up,
    next_voters,
    progress,
    shortfall,
    waiting_for,
    would_be_last,
)
from approvals.services.reconciling import reconcile
from approvals.services.redefining import follow_tool
from approvals.services.selecting import active_rules
from approvals.services.switching import (
    is_agent_stopped,
    set_kill_switch,
    stopped_here,
    stopping,
)
from approvals.services.trials import Rollout, promote, try_version, widen, withdraw
from approvals.services.undoing import check_is_held, extend, latest_deadline, undo
from approvals.services.withdrawing import cancel, cancel_run_actions

__all__ = [
    "STEP_UP_NEEDED",
    "Rollout",
    "active_rules",
    "answer",
    "asked",
    "approve",
    "can_anybody_decide",
    "cancel",
    "cancel_run_actions",
    "change_policy",
    "check_is_held",
    "comment",
    "edit",
    "eligible_reviewers",
    "expire_due",
    "extend",
    "grants",
    "is_agent_stopped",
    "follow_tool",
    "latest_deadline",
    "may_decide",
    "must_step_up",
    "move_policy",
    "next_voters",
    "progress",
    "promote",
    "propose",
    "reconcile",
    "reject",
    "restore",
    "save_policy",
    "set_kill_switch",
    "shown_arguments",
    "shortfall",
    "stopped_here",
    "stopping",
    "sweep",
    "try_version",
    "undo",
    "waiting_for",
    "warnings_of",
    "widen",
    "withdraw",
    "would_be_last",
]
