"""The states of actions and executions, exactly as the design draws them."""

from django.db import models
from django.utils.translation import gettext_noop

from gateway.lib.states import Machine


class ActionStatus(models.TextChoices):
    """Where an action stands."""

    PROPOSED = "proposed", gettext_noop("Proposed")
    INVALID = "invalid", gettext_noop("Invalid")
    DENIED = "denied", gettext_noop("Denied")
    PENDING = "pending", gettext_noop("Pending")
    APPROVED = "approved", gettext_noop("Approved")
    REJECTED = "rejected", gettext_noop("Rejected")
    EXPIRED = "expired", gettext_noop("Expired")
    CANCELED = "canceled", gettext_noop("Canceled")
    EXECUTING = "executing", gettext_noop("Executing")
    SUCCEEDED = "succeeded", gettext_noop("Succeeded")
    FAILED = "failed", gettext_noop("Failed")
    UNKNOWN = "unknown", gettext_noop("Outcome unknown")


class ExecutionStatus(models.TextChoices):
    """Where one attempt stands."""

    CLAIMED = "claimed", gettext_noop("Claimed")
    SENT = "sent", gettext_noop("Sent")
    SUCCEEDED = "succeeded", gettext_noop("Succeeded")
    FAILED = "failed", gettext_noop("Failed")
    UNKNOWN = "unknown", gettext_noop("Outcome unknown")
    RELEASED = "released", gettext_noop("Released")


A = ActionStatus
ACTION = Machine(
    starts=frozenset({A.PROPOSED, A.INVALID, A.DENIED, A.PENDING, A.APPROVED}),
    moves={
        A.PROPOSED: frozenset({A.INVALID, A.DENIED, A.PENDING, A.APPROVED}),
        A.INVALID: frozenset(),
        A.DENIED: frozenset(),
        A.PENDING: frozenset({A.APPROVED, A.REJECTED, A.EXPIRED, A.CANCELED, A.DENIED, A.INVALID}),
        A.APPROVED: frozenset({A.EXECUTING, A.PENDING, A.EXPIRED, A.CANCELED, A.DENIED}),
        A.EXECUTING: frozenset({A.SUCCEEDED, A.FAILED, A.UNKNOWN, A.EXECUTING, A.APPROVED}),
        A.UNKNOWN: frozenset({A.SUCCEEDED, A.FAILED, A.APPROVED}),
        A.REJECTED: frozenset(),
        A.EXPIRED: frozenset(),
        A.CANCELED: frozenset(),
        A.SUCCEEDED: frozenset(),
        A.FAILED: frozenset(),
    },
)
# Settled: the agent can be told. `unknown` is told once a person has reconciled it.
SETTLED = frozenset({A.INVALID, A.DENIED, A.REJECTED, A.EXPIRED, A.CANCELED, A.SUCCEEDED, A.FAILED})
OPEN = frozenset({A.PROPOSED, A.PENDING, A.APPROVED, A.EXECUTING, A.UNKNOWN})
# Approved, and neither taken back nor called off before it began.
LET_THROUGH = frozenset({A.APPROVED, A.EXECUTING, A.SUCCEEDED, A.FAILED, A.UNKNOWN})

E = ExecutionStatus
EXECUTION = Machine(
    starts=frozenset({E.CLAIMED}),
    moves={
        E.CLAIMED: frozenset({E.SENT, E.RELEASED}),
        E.SENT: frozenset({E.SUCCEEDED, E.FAILED, E.UNKNOWN}),
        # A person, or a later look-up, settles what one attempt could not tell.
        E.UNKNOWN: frozenset(),
        E.SUCCEEDED: frozenset(),
        E.FAILED: frozenset(),
        E.RELEASED: frozenset(),
    },
)
