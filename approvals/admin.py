"""Read-only pages of policies, actions, approvals and executions.

Arguments, requests, previews and results are shown on the desk, which masks what they hide.
"""

from django.contrib import admin

from approvals.models import (
    Action,
    ActionTarget,
    ActionVersion,
    Approval,
    BreakGlass,
    Comment,
    Delegation,
    Execution,
    Grant,
    GrantUse,
    KillSwitch,
    Opening,
    Policy,
    PolicyVersion,
    RunAgain,
    SavedView,
    ShadowVerdict,
    Snooze,
    TargetLock,
)
from gateway.lib.admin import ReadOnlyAdmin


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "position", "version", "is_enabled", "comment")
    list_select_related = ("environment__tenant",)
    list_filter = ("is_enabled",)
    search_fields = ("name", "comment")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "policy", "number", "is_enabled", "comment", "author_id")
    list_select_related = ("policy",)
    search_fields = ("policy__name", "comment", "sha256__exact")


@admin.register(ShadowVerdict)
class ShadowVerdictAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "action", "version", "change", "verdict", "rule", "applied_verdict",
    )  # fmt: skip
    list_select_related = ("action", "version__policy")
    list_filter = ("change",)
    search_fields = ("rule", "applied_rule")


@admin.register(Action)
class ActionAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "status", "tool_name", "agent", "environment", "risk", "correlation_id",
    )  # fmt: skip
    list_select_related = ("environment__tenant", "agent")
    list_filter = ("status", "risk")
    search_fields = ("tool_name", "correlation_id__exact", "call_id__exact", "digest__exact")
    date_hierarchy = "created_at"
    hidden = (
        "arguments", "rendered", "result", "nonce", "target", "affected", "before", "after",
    )  # fmt: skip


@admin.register(ActionVersion)
class ActionVersionAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("made_at", "action", "number", "origin", "made_by", "effect")
    list_select_related = ("action", "made_by")
    list_filter = ("origin",)
    search_fields = ("digest__exact",)
    hidden = ("arguments", "rendered", "nonce", "target", "affected", "before", "after")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("created_at", "action", "action_version", "user", "decision", "void_at")
    list_select_related = ("action", "user")
    list_filter = ("decision",)
    search_fields = ("digest__exact", "user__email")


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("created_at", "action", "attempt", "status", "sent_at", "finished_at")
    list_select_related = ("action",)
    list_filter = ("status",)
    search_fields = ("idempotency_key__exact",)


@admin.register(RunAgain)
class RunAgainAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("created_at", "action", "ordered_by", "confirmed_by", "confirmed_at")
    list_select_related = ("action", "ordered_by", "confirmed_by")


@admin.register(ActionTarget)
class ActionTargetAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "action", "key")
    list_select_related = ("action",)
    search_fields = ("key__exact",)


@admin.register(TargetLock)
class TargetLockAdmin(ReadOnlyAdmin):
    list_display = ("key", "environment", "action", "lease_until")
    list_select_related = ("environment__tenant", "action")
    search_fields = ("key__exact",)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("created_at", "action", "kind", "author", "agent")
    list_select_related = ("action", "author", "agent")
    list_filter = ("kind",)


@admin.register(Delegation)
class DelegationAdmin(ReadOnlyAdmin):
    list_display = ("delegator", "substitute", "scope", "starts_at", "ends_at", "revoked_at")
    list_select_related = ("delegator", "substitute", "environment__tenant")
    search_fields = ("delegator__email", "substitute__email")


@admin.register(Opening)
class OpeningAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("opened_at", "action", "action_version", "user")
    list_select_related = ("action", "user")


@admin.register(Snooze)
class SnoozeAdmin(ReadOnlyAdmin):
    within = "action__environment"
    list_display = ("created_at", "action", "user", "until")
    list_select_related = ("action", "user")


@admin.register(KillSwitch)
class KillSwitchAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "scope", "environment", "turned_on_by", "turned_off_at")
    list_select_related = ("environment__tenant", "turned_on_by")
    search_fields = ("scope",)


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "tool", "agent", "made_by", "uses", "max_uses", "expires_at")
    list_select_related = ("tool", "agent", "made_by", "environment__tenant")
    search_fields = ("tool__name", "agent__slug")


@admin.register(GrantUse)
class GrantUseAdmin(ReadOnlyAdmin):
    within = "grant__environment"
    list_display = ("created_at", "grant", "action")
    list_select_related = ("grant", "action")


@admin.register(BreakGlass)
class BreakGlassAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "action", "user", "finding", "reviewed_by", "reviewed_at")
    list_select_related = ("action", "user", "reviewed_by", "environment__tenant")
    list_filter = ("finding",)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "name", "environment", "owner", "is_shared", "query")
    list_select_related = ("environment__tenant", "owner")
    list_filter = ("is_shared",)
    search_fields = ("name",)
