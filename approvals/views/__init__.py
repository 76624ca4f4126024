"""Pages of actions, policies, kill switches: they read a form, call a service, pick a template."""

from approvals.views.decide import approve, cancel, detail, reject
from approvals.views.inbox import inbox, inbox_count, row
from approvals.views.lists import actions, policies
from approvals.views.switches import go_on, kill_switch, stop

__all__ = [
    "actions",
    "approve",
    "cancel",
    "detail",
    "go_on",
    "inbox",
    "inbox_count",
    "kill_switch",
    "policies",
    "reject",
    "row",
    "stop",
]
