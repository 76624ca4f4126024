"""The REST resources of actions and policies."""

from approvals.api.actions import ActionViews
from approvals.api.policies import PolicyViews
from approvals.api.shapes import ActionOut

__all__ = ["ActionOut", "ActionViews", "PolicyViews"]
