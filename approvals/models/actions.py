"""Actions: what was asked, what it would do, and where it stands."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When
from django.db.models.functions import Now

from approvals.models.care import CareColumns
from approvals.states import ACTION, LET_THROUGH, OPEN, SETTLED, ActionStatus
from audit.canonical import parsed
from gateway.agents.models import Agent
from gateway.lib.indexes import SQLiteIndex
from gateway.lib.rows import EnvironmentRow, ScopedQuerySet
from gateway.lib.states import Machine
from gateway.lib.work import DueColumns
from gateway.tenants.models import User
from gateway.tools.models import Risk, Tool, ToolVersion

# Long columns that no line of a list shows.
UNLISTED = ("rendered", "facts", "trace", "before", "after", "result")

HELD = Q(status=ActionStatus.APPROVED, due_at__gt=Now())


class ActionQuerySet(ScopedQuerySet):
    """Actions as people and agents look for them."""

    def pending(self) -> "ActionQuerySet":
        """Those that wait for a person."""
        return self.filter(status=ActionStatus.PENDING)

    def held(self) -> "ActionQuerySet":
        """Those that were approved and rest for a while, in which they can be undone."""
        return self.filter(HELD)

    def with_hold(self) -> "ActionQuerySet":
        """With `rests`: whether it is held, by the database's clock."""
        return self.annotate(rests=Case(When(HELD, then=True), default=False))

    def for_lists(self) -> "ActionQuerySet":
        """With what a row of a list shows, in one query."""
        return self.select_related("agent", "tool_version__tool", "environment__tenant")

    def with_first_use(self) -> "ActionQuerySet":
        """With `is_first_use`: nothing that the agent asked of the tool before was let through.

        An agent is of one environment, so none is asked for.
        """
        return self.annotate(is_first_use=~Exists(Action.objects.let_through_before(OuterRef)))

    def let_through_before(self, of: Callable[[str], Any]) -> "ActionQuerySet":
        """Calls of one agent and tool before one moment that people or rules let through.

        `of` gives the agent's key, the tool's name and the moment, each by its column.
        """
        return self.let_through().filter(
            agent=of("agent_id"), tool_name=of("tool_name"), created_at__lt=of("created_at")
        )

    def let_through(self) -> "ActionQuerySet":
        """Those that people or rules let through, and nobody took back before they began."""
        # The time of approval is of all these; asking for it lets the index of it be taken.
        return self.order_by().filter(status__in=sorted(LET_THROUGH), approved_at__isnull=False)

    def as_lines(self, keys: Sequence[uuid.UUID]) -> "list[Action]":
        """These actions as lines of a list, in this order, without what no line shows."""
        rows = self.filter(pk__in=list(keys)).for_lists().with_first_use().with_hold()
        found = {row.pk: row for row in rows.defer(*UNLISTED)}
        return [found[key] for key in keys if key in found]


class Action(EnvironmentRow, DueColumns, CareColumns):
    """One requested tool call, from wish to outcome."""

    PREFIX = "act"
    machine: ClassVar[Machine] = ACTION
    announces: ClassVar[str] = "action"

    status = models.CharField(max_length=20, choices=ActionStatus.choices)
    version = models.PositiveIntegerField(default=1, help_text="Raised when what is asked changes.")
    row_version = models.PositiveIntegerField(default=1, help_text="Raised by every change.")
    announce_due_at = models.DateTimeField(null=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="actions")
    run_id = models.UUIDField(null=True, blank=True)
    call_id = models.CharField(max_length=200)
    call_scope = models.CharField(max_length=80, help_text="The run or principal the id is of.")
    requester_kind = models.CharField(max_length=20)
    requester_id = models.CharField(max_length=80)
    requester_label = models.CharField(max_length=120)
    requester_owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ordered_by = models.TextField(
        blank=True, db_default="", default="",
        help_text="Who had an event ask for it: public ids between bars, as in routes.",
    )  # fmt: skip
    # As it was when the call was made: whoever owned the agent then never decides, now or later.
    agent_owner_id = models.UUIDField(null=True, blank=True)
    run_starter_id = models.UUIDField(null=True, blank=True)
    tool_name = models.CharField(max_length=80)
    tool_version = models.ForeignKey(
        ToolVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="actions"
    )
    connection_revision = models.PositiveIntegerField(null=True, blank=True)
    arguments = models.TextField(blank=True, help_text="RFC 8785 text; empty when refused.")
    arguments_sha256 = models.CharField(max_length=64)
    proposed_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the agent's own arguments, once they were edited."
    )
    # The last one; whoever edited before is told by the versions: see `services.editors`.
    editor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rendered = models.TextField(blank=True, help_text="RFC 8785 text of the exact request.")
    effect = models.TextField(blank=True)
    risk = models.CharField(max_length=20, choices=Risk.choices, blank=True)
    target = models.JSONField(default=list, help_text="Sorted kind:id texts.")
    target_key = models.CharField(
        max_length=64, blank=True, help_text="Keyed digest of the target; empty for none."
    )
    affected = models.JSONField(default=list, help_text="[{kind, id, label}] from a live read.")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    previewed_at = models.DateTimeField(null=True, blank=True)
    preview_error = models.CharField(max_length=300, blank=True)
    agent_reason = models.TextField(blank=True)
    tags = models.JSONField(default=dict)
    facts = models.JSONField(default=dict, help_text="What the rules saw, redacted.")
    trace = models.JSONField(default=list)
    policy_hash = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=200, blank=True)
    requirement = models.JSONField(null=True, blank=True)
    code = models.CharField(max_length=40, blank=True, help_text="Why it ended so, for machines.")
    reason = models.TextField(blank=True, help_text="Why it ended so, for people and the agent.")
    refusal = models.JSONField(null=True, blank=True, help_text="The same in fields, if refused.")
    digest = models.CharField(max_length=64, blank=True)
    nonce = models.CharField(max_length=64, blank=True)
    repeats_id = models.UUIDField(
        null=True, blank=True, help_text="The refused or waiting action that this only repeats."
    )
    decide_by = models.DateTimeField(null=True, blank=True)
    execute_by = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    turns = models.PositiveIntegerField(
        db_default=0, default=0, help_text="Attempts that only waited for their turn."
    )
    pruned_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when what it asked for is gone."
    )
    result = models.JSONField(null=True, blank=True)
    result_mismatch = models.TextField(
        blank=True, db_default="", help_text="Where the result is not what the tool promises."
    )
    called_off_at = models.DateTimeField(
        null=True, blank=True, help_text="When its run ended while it was under way: nothing more."
    )
    reopened_at = models.DateTimeField(
        null=True, blank=True, help_text="When two people ordered it from an unknown outcome."
    )
    undoes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by"
    )
    source_event = models.CharField(max_length=40, blank=True)
    correlation_id = models.CharField(max_length=128)

    # Who edited it up to which version, once `services.editors` has looked.
    known_editors: tuple[int, frozenset[str]] | None = None
    # What its arguments hide, once `services.masking` has looked; by tool version and arguments.
    known_hidden: tuple[Any, Any] | None = None

    objects: ClassVar[Any] = ActionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["call_scope", "call_id"], name="action_call_once"),
            models.CheckConstraint(
                name="action_status", condition=models.Q(status__in=ActionStatus.values)
            ),
            models.UniqueConstraint(
                fields=["undoes"],
                name="action_undone_once",
                condition=models.Q(status__in=[*sorted(OPEN), ActionStatus.SUCCEEDED]),
            ),
        ]
        indexes = [
            models.Index(fields=["environment", "status", "-id"], name="action_env_status"),
            models.Index(fields=["run_id", "id"], name="action_run"),
            models.Index(
                fields=["repeats_id"],
                name="action_repeats",
                condition=models.Q(repeats_id__isnull=False),
            ),
            # What the rules see of an agent's earlier calls is read from this alone.
            models.Index(
                fields=["agent", "tool_name", "created_at", "status", "target_key", "id"],
                name="action_uses",
            ),
            # Whether anybody let the agent use the tool before: one look for each row of a page,
            # and for each call that the rules see. Past whatever was taken back, by its status.
            models.Index(
                fields=["agent", "tool_name", "status", "created_at", "id", "approved_at"],
                name="action_first_use",
                condition=models.Q(approved_at__isnull=False),
            ),
            # The dashboard counts what came to an end in an hour.
            models.Index(
                fields=["settled_at"],
                name="action_settled",
                condition=models.Q(settled_at__isnull=False),
            ),
            models.Index(
                fields=["due_at"], name="action_due", condition=models.Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["announce_due_at"],
                name="action_announce",
                condition=models.Q(announce_due_at__isnull=False),
            ),
            models.Index(
                fields=["decide_by"], name="action_decide_by", condition=models.Q(status="pending")
            ),
            models.Index(
                fields=["execute_by"],
                name="action_execute_by",
                condition=models.Q(status="approved"),
            ),
            models.Index(
                fields=["lease_until"], name="action_leased", condition=models.Q(status="executing")
            ),
            models.Index(
                fields=["remind_due_at"],
                name="action_remind",
                condition=models.Q(status="pending", remind_due_at__isnull=False),
            ),
            models.Index(
                fields=["escalate_due_at"],
                name="action_escalate",
                condition=models.Q(status="pending", escalate_due_at__isnull=False),
            ),
            models.Index(
                fields=["run_starter_id"],
                name="action_run_starter",
                condition=models.Q(status="pending", run_starter_id__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="action_ordered",
                condition=models.Q(status="pending") & ~models.Q(ordered_by=""),
            ),
            # Those with stages, of which each is asked whose turn it is.
            models.Index(
                fields=["environment"],
                name="action_staged",
                condition=models.Q(status="pending", routes=""),
            ),
            # All that `services.waiting` and the inbox ask of what waits, and nothing else is read.
            SQLiteIndex(
                fields=[
                    "environment",
                    "status",
                    "routes",
                    "risk",
                    "decide_by",
                    "version",
                    "requester_kind",
                    "requester_id",
                    "requester_owner",
                    "agent",
                    "agent_owner_id",
                    "run_starter_id",
                    "editor",
                    "assignee",
                    "assigned_group",
                    "tool_name",
                    "id",
                ],
                name="action_waiting",
                condition=models.Q(status="pending"),
            ),
        ]

    @property
    def is_settled(self) -> bool:
        """Whether the agent can be told an outcome."""
        return self.status in SETTLED

    @property
    def asked_sha256(self) -> str:
        """The SHA-256 of the arguments that the agent itself asked for, whoever edited them."""
        return self.proposed_sha256 or self.arguments_sha256

    @property
    def has_other_arguments(self) -> bool:
        """Whether it does something else than the agent asked for."""
        return self.asked_sha256 != self.arguments_sha256

    @property
    def orderers(self) -> list[str]:
        """The public ids of the people who had an event ask for it."""
        return [name for name in self.ordered_by.split("|") if name]

    @property
    def tool(self) -> Tool | None:
        """The tool, where the name was known."""
        return self.tool_version.tool if self.tool_version else None

    @property
    def arguments_value(self) -> Any:
        """The arguments as a JSON value; None when they were refused."""
        return parsed(self.arguments) if self.arguments else None

    @property
    def rendered_value(self) -> dict[str, Any] | None:
        """The exact request without secrets, as a JSON value."""
        return parsed(self.rendered) if self.rendered else None
