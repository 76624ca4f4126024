"""Pages of actions, policies, kill switches: they read a form, call a service, pick a template."""

from approvals.views.attend import assign, comment, let_go, snooze, take, wake
from approvals.views.bulk import bulk
from approvals.views.decide import approve, cancel, detail, reject
from approvals.views.delegations import delegations, revoke_delegation
from approvals.views.emergencies import break_glass, emergencies, review_break_glass
from approvals.views.grants import grant, grants, revoke_grant
from approvals.views.inbox import inbox, inbox_count, row
from approvals.views.lists import actions
from approvals.views.outcomes import compensate, look_again, reconcile, run_again
from approvals.views.policies import move as move_policy
from approvals.views.policies import policies
from approvals.views.policies import switch as switch_policy
from approvals.views.policy_editor import create as new_policy
from approvals.views.policy_editor import edit as edit_policy
from approvals.views.policy_page import policy, rollout, shadow
from approvals.views.policy_page import restore as restore_policy
from approvals.views.policy_page import version as policy_version
from approvals.views.policy_simulator import simulate
from approvals.views.reviewers import reviewers
from approvals.views.revise import edit, extend, undo
from approvals.views.saved import change_view, open_view, remove_view, save_view
from approvals.views.signing import challenge
from approvals.views.switches import go_on, kill_switch, stop

__all__ = [
    "actions",
    "approve",
    "assign",
    "break_glass",
    "bulk",
    "cancel",
    "challenge",
    "change_view",
    "comment",
    "compensate",
    "delegations",
    "detail",
    "edit",
    "edit_policy",
    "extend",
    "go_on",
    "emergencies",
    "grant",
    "grants",
    "inbox",
    "inbox_count",
    "kill_switch",
    "let_go",
    "look_again",
    "move_policy",
    "new_policy",
    "policies",
    "policy",
    "policy_version",
    "reconcile",
    "open_view",
    "reject",
    "remove_view",
    "restore_policy",
    "reviewers",
    "revoke_delegation",
    "review_break_glass",
    "revoke_grant",
    "rollout",
    "row",
    "save_view",
    "run_again",
    "shadow",
    "simulate",
    "snooze",
    "stop",
    "switch_policy",
    "take",
    "undo",
    "wake",
]
