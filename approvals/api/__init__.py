"""The REST resources of actions, delegations, grants, policies and kill switches."""

from approvals.api.actions import ActionViews
from approvals.api.delegations import DelegationViews
from approvals.api.emergencies import BreakGlassViews
from approvals.api.grants import GrantViews
from approvals.api.policies import PolicyViews
from approvals.api.shapes import ActionOut
from approvals.api.switches import KillSwitchViews

__all__ = [
    "ActionOut",
    "ActionViews",
    "BreakGlassViews",
    "DelegationViews",
    "GrantViews",
    "KillSwitchViews",
    "PolicyViews",
]
