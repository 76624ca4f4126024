"""Pages of actions and policies: they read a form, call a service, pick a template."""

from approvals.views.decide import approve, cancel, detail, reject
from approvals.views.inbox import inbox, inbox_count, row
from approvals.views.lists import actions, policies

__all__ = [
    "actions",
    "approve",
    "cancel",
    "detail",
    "inbox",
    "inbox_count",
    "policies",
    "reject",
    "row",
]
