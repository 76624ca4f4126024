"""What this app stores: one file per noun."""

from approvals.models.actions import Action, ActionQuerySet
from approvals.models.attention import Opening, Snooze
from approvals.models.comments import Comment
from approvals.models.delegations import Delegation
from approvals.models.emergencies import BreakGlass
from approvals.models.executions import Execution
from approvals.models.grants import Grant, GrantUse
from approvals.models.orders import RunAgain
from approvals.models.policies import Policy, PolicyVersion
from approvals.models.shadows import ShadowVerdict
from approvals.models.switches import KillSwitch
from approvals.models.targets import ActionTarget, TargetLock
from approvals.models.versions import ActionVersion
from approvals.models.views import SavedView
from approvals.models.votes import Approval

__all__ = [
    "Action",
    "ActionQuerySet",
    "ActionTarget",
    "ActionVersion",
    "Approval",
    "BreakGlass",
    "Comment",
    "Delegation",
    "Execution",
    "Grant",
    "GrantUse",
    "KillSwitch",
    "Opening",
    "Policy",
    "PolicyVersion",
    "RunAgain",
    "SavedView",
    "ShadowVerdict",
    "Snooze",
    "TargetLock",
]
