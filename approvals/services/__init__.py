"""Every write of policies, actions, approvals and executions."""

from approvals.services.commenting import answer, comment
from approvals.services.deciding import approve, reject
from approvals.services.due import expire_due, sweep
from approvals.services.policies import active_rules, save_policy
from approvals.services.proposing import propose
from approvals.services.reading import (
    can_anybody_decide,
    eligible_reviewers,
    may_decide,
    progress,
    waiting_for,
)
from approvals.services.reconciling import reconcile
from approvals.services.switching import (
    is_agent_stopped,
    set_kill_switch,
    stopped_here,
    stopping,
)
from approvals.services.withdrawing import cancel, cancel_run_actions

__all__ = [
    "active_rules",
    "answer",
    "approve",
    "can_anybody_decide",
    "cancel",
    "cancel_run_actions",
    "comment",
    "eligible_reviewers",
    "expire_due",
    "is_agent_stopped",
    "may_decide",
    "progress",
    "propose",
    "reconcile",
    "reject",
    "save_policy",
    "set_kill_switch",
    "stopped_here",
    "stopping",
    "sweep",
    "waiting_for",
]
