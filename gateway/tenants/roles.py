"""Roles per environment and what each may do; the only place that names permissions."""

from django.db import models


class Role(models.TextChoices):
    """What a member is in one environment."""

    VIEWER = "viewer", "Viewer"
    REVIEWER = "reviewer", "Reviewer"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"
    AUDITOR = "auditor", "Auditor"


VIEW = frozenset(
    {
        "approvals.view_action",
        "approvals.view_break_glass",
        "approvals.view_comment",
        "approvals.view_policy",
        "runs.view_run",
        "webhooks.view_event",
        "webhooks.view_source",
        "agents.view_agent",
        "budgets.view_budget",
        "tools.view_tool",
        "connections.view_connection",
        "tenants.view_member",
    }
)
CARE = frozenset({"approvals.comment_action", "approvals.assign_action", "runs.rate_run"})
DECIDE = CARE | {"approvals.decide_action", "approvals.delegate_decision"}
OPERATE = CARE | frozenset(
    {
        "approvals.cancel_action",
        "approvals.reconcile_action",
        "approvals.use_kill_switch",
        "notices.view_notice",
        "runs.start_run",
        "runs.cancel_run",
        "runs.retry_run",
        "webhooks.change_source",
        "webhooks.replay_event",
        "webhooks.release_event",
        "webhooks.view_body",
    }
)
ADMINISTER = frozenset(
    {
        "tenants.change_environment",
        "tenants.change_member",
        "tenants.export_subject",
        "tenants.erase_subject",
        "agents.change_agent",
        "budgets.change_budget",
        "agents.change_api_key",
        "agents.change_provider",
        "tools.change_tool",
        "connections.change_connection",
        "notices.change_chat",
        "approvals.break_glass",
        "approvals.change_policy",
        "approvals.propose_action",
        "approvals.view_reviewers",
    }
)
AUDIT = frozenset(
    {
        "audit.view_record",
        "audit.export_record",
        "approvals.view_break_glass",
        "approvals.review_break_glass",
    }
)

GRANTS: dict[str, frozenset[str]] = {
    Role.VIEWER: VIEW,
    Role.REVIEWER: VIEW | DECIDE,
    Role.OPERATOR: VIEW | OPERATE,
    Role.ADMIN: VIEW | DECIDE | OPERATE | ADMINISTER | AUDIT,
    Role.AUDITOR: AUDIT,
}
# What a machine key may do: never decide, never configure.
MACHINE = frozenset(
    {
        "approvals.view_action",
        "approvals.propose_action",
        "approvals.answer_action",
        "approvals.cancel_action",
        "runs.view_run",
        "runs.start_run",
        "runs.cancel_run",
        "tools.view_tool",
    }
)


def granted(roles: set[str]) -> frozenset[str]:
    """Every permission that these roles give together."""
    return frozenset().union(*(GRANTS[role] for role in roles if role in GRANTS))
