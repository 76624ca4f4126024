"""Every write of policies, actions, approvals and executions."""

from approvals.services import granting as grants
from approvals.services.alone import may_decide_alone
from approvals.services.attending import assign, let_go, opened, snooze, take_up, wake
from approvals.services.commenting import answer, comment
from approvals.services.compensating import check_can_be_undone, compensate, undone_by
from approvals.services.deciding import approve, reject
from approvals.services.delegating import delegate, revoke_delegation, substitutes_of
from approvals.services.due import escalate_due, expire_due, remind_due, sweep
from approvals.services.editing import edit
from approvals.services.emergencies import break_glass, review_break_glass, unreviewed
from approvals.services.masking import (
    effect_sentence,
    masked_columns,
    shown_affected,
    shown_arguments,
    shown_target,
)
from approvals.services.people import deciders_of
from approvals.services.policies import change_policy, move_policy, restore, save_policy
from approvals.services.proposing import propose
from approvals.services.quorums import warnings_of
from approvals.services.reading import (
    STEP_UP_NEEDED,
    asked,
    can_anybody_decide,
    eligible_reviewers,
    may_decide,
    must_step_up,
    next_voters,
    progress,
    shortfall,
    unreadable,
    would_be_last,
)
from approvals.services.reconciling import look_again, reconcile
from approvals.services.redefining import follow_tool
from approvals.services.rerunning import confirm_again, may_run_again, open_order, order_again
from approvals.services.reviewing import reviewer_signals
from approvals.services.saving import change_view, remove_view, save_view
from approvals.services.selecting import active_rules
from approvals.services.switching import (
    is_agent_stopped,
    not_stopped,
    set_kill_switch,
    stop_everywhere,
    stopped_here,
    stopping,
)
from approvals.services.targets import holder_of, others_on
from approvals.services.trials import Rollout, promote, try_version, widen, withdraw
from approvals.services.undoing import check_is_held, extend, latest_deadline, undo
from approvals.services.waiting import (
    aside,
    needs,
    not_aside,
    on_others,
    put_aside,
    snoozed,
    waiting_for,
)
from approvals.services.withdrawing import cancel, cancel_run_actions

__all__ = [
    "STEP_UP_NEEDED",
    "Rollout",
    "active_rules",
    "answer",
    "approve",
    "aside",
    "asked",
    "assign",
    "can_anybody_decide",
    "break_glass",
    "cancel",
    "cancel_run_actions",
    "change_policy",
    "change_view",
    "check_can_be_undone",
    "check_is_held",
    "comment",
    "compensate",
    "confirm_again",
    "delegate",
    "edit",
    "effect_sentence",
    "eligible_reviewers",
    "deciders_of",
    "escalate_due",
    "expire_due",
    "extend",
    "grants",
    "holder_of",
    "is_agent_stopped",
    "follow_tool",
    "latest_deadline",
    "let_go",
    "masked_columns",
    "look_again",
    "may_decide",
    "may_decide_alone",
    "may_run_again",
    "must_step_up",
    "move_policy",
    "not_stopped",
    "needs",
    "not_aside",
    "next_voters",
    "open_order",
    "opened",
    "order_again",
    "on_others",
    "others_on",
    "progress",
    "promote",
    "propose",
    "put_aside",
    "reconcile",
    "reject",
    "remind_due",
    "remove_view",
    "restore",
    "reviewer_signals",
    "revoke_delegation",
    "save_policy",
    "save_view",
    "set_kill_switch",
    "stop_everywhere",
    "shortfall",
    "shown_affected",
    "shown_arguments",
    "shown_target",
    "snooze",
    "snoozed",
    "stopped_here",
    "stopping",
    "substitutes_of",
    "sweep",
    "take_up",
    "review_break_glass",
    "sweep",
    "unreviewed",
    "try_version",
    "undo",
    "unreadable",
    "undone_by",
    "waiting_for",
    "wake",
    "warnings_of",
    "widen",
    "withdraw",
    "would_be_last",
]
