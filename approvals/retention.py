"""What is kept of actions, of what people said and decided, and of the rules."""

from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from approvals.states import SETTLED
from audit.kept import Kept

MEMBERS = "members who may see actions"
# What stands for the sentence that said what would happen.
REMOVED = "What was asked here has been removed"
CONTENT: dict[str, Any] = {
    "arguments": "", "rendered": "", "effect": REMOVED, "target": [], "affected": [],
    "before": None, "after": None,
}  # fmt: skip
TENANT = "action__environment__tenant"
OF_SETTLED = Q(action__status__in=SETTLED)
DAYS = "KEEP_ACTIONS_DAYS"
SINCE = "action__settled_at"

KEPT = (
    Kept(
        "approvals.Action",
        "what an agent asked for: arguments, request, preview, facts, result; state, digests and "
        "who decided for ever",
        MEMBERS,
        personal={
            **CONTENT,
            "target_key": "",
            "preview_error": "",
            "agent_reason": "",
            "tags": {},
            "facts": {},
            "trace": [],
            "reason": "",
            "refusal": None,
            "result": None,
            "result_mismatch": "",
            "requester_label": "",
        },  # fmt: skip
        tenant="environment__tenant",
        closed=Q(status__in=SETTLED, announce_due_at=None),
        days=DAYS,
        since="settled_at",
    ),
    Kept(
        "approvals.ActionVersion",
        "earlier versions of an action",
        MEMBERS,
        personal={**CONTENT, "comment": ""},
        tenant=TENANT,
        closed=OF_SETTLED,
        days=DAYS,
        since=SINCE,
        within="action",
        writer="made_by",
    ),
    Kept(
        "approvals.Approval",
        "a member's signed vote; the comment with it",
        MEMBERS,
        personal={"comment": ""},
        tenant=TENANT,
        closed=OF_SETTLED,
        days=DAYS,
        since=SINCE,
        within="action",
        writer="user",
    ),
    Kept(
        "approvals.Comment",
        "what people and agents said about an action",
        MEMBERS,
        personal={"text": REMOVED},
        tenant=TENANT,
        closed=OF_SETTLED,
        days=DAYS,
        since=SINCE,
        within="action",
        writer="author",
    ),
    Kept(
        "approvals.Execution",
        "attempts: what was sent, what the service answered, what it remembered",
        MEMBERS,
        personal={"request": None, "response": None, "looked_up": None, "error": ""},
        tenant=TENANT,
        closed=OF_SETTLED,
        days=DAYS,
        since=SINCE,
        within="action",
    ),
    Kept(
        "approvals.RunAgain",
        "who ordered and confirmed to run again what may have happened, and why",
        MEMBERS,
        personal={"reason": REMOVED},
        tenant=TENANT,
        closed=OF_SETTLED,
        days=DAYS,
        since=SINCE,
        within="action",
        writer="ordered_by",
    ),
    Kept("approvals.ActionTarget", "which entities an action touches, as keyed digests", MEMBERS),
    Kept("approvals.TargetLock", "which entity is being touched now, as a keyed digest", MEMBERS),
    Kept(
        "approvals.BreakGlass",
        "decisions of one person alone, and their review",
        MEMBERS,
        personal={"reason": REMOVED, "review_comment": ""},
        tenant="environment__tenant",
        closed=Q(reviewed_at__isnull=False),
        days=DAYS,
        since="reviewed_at",
        writer="user",
    ),
    Kept(
        "approvals.Grant",
        "what may happen again without asking, for which arguments",
        MEMBERS,
        # A condition that holds for nothing: the grant had ended before.
        personal={"condition": "false", "reason": REMOVED},
        tenant="environment__tenant",
        closed=Q(revoked_at__isnull=False) | Q(expires_at__lt=Now()),
        days=DAYS,
        since="expires_at",
        writer="made_by",
    ),
    Kept("approvals.GrantUse", "which calls a grant let through", MEMBERS),
    Kept(
        "approvals.Delegation",
        "who decides for whom, when, and a note",
        MEMBERS,
        personal={"note": ""},
        tenant="environment__tenant",
        closed=Q(revoked_at__isnull=False) | Q(ends_at__lt=Now()),
        days=DAYS,
        since="ends_at",
        writer="delegator",
    ),
    Kept(
        "approvals.KillSwitch",
        "what was stopped, by whom and why",
        MEMBERS,
        personal={"reason": REMOVED, "off_reason": ""},
        tenant="environment__tenant",
        closed=Q(turned_off_at__isnull=False),
        days=DAYS,
        since="turned_off_at",
        writer="turned_on_by",
    ),
    Kept("approvals.Opening", "when a reviewer first saw an action", MEMBERS),
    Kept("approvals.Snooze", "what a reviewer put aside", "that reviewer"),
    Kept("approvals.Policy", "the rules", "members who may see policies"),
    Kept("approvals.PolicyVersion", "every version of the rules", "members who may see policies"),
    Kept("approvals.ShadowVerdict", "what a rule on trial would have said", MEMBERS),
    Kept(
        "approvals.SavedView",
        "a name for filters of the inbox, its owner's or shared",
        MEMBERS,
        stays="until somebody removes it",
    ),
)
