"""The REST resources of actions, policies and kill switches."""

from approvals.api.actions import ActionViews
from approvals.api.policies import PolicyViews
from approvals.api.shapes import ActionOut
from approvals.api.switches import KillSwitchViews

__all__ = ["ActionOut", "ActionViews", "KillSwitchViews", "PolicyViews"]
