"""What is known of an action's attempts: each with what was sent, answered and learned."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import Action, Execution, RunAgain
from approvals.services.definitions import can_look_up
from approvals.states import ActionStatus, ExecutionStatus
from audit.canonical import canonical
from gateway.tenants.principals import Principal

RECONCILE = "approvals.reconcile_action"
LOOKS = {
    "found": ("ok", _("The service remembers it")),
    "absent": ("warn", _("The service knows nothing under this key")),
    "unreadable": ("bad", _("The service could not be asked")),
}
TONES = {
    ExecutionStatus.SUCCEEDED: "ok", ExecutionStatus.FAILED: "bad", ExecutionStatus.UNKNOWN: "warn",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """The service's answer when it was asked by key."""

    tone: str
    text: str
    detail: str
    at: datetime | None


@dataclass(frozen=True)
class Attempt:
    """One attempt as the page shows it."""

    row: Execution
    tone: str
    request: str
    answer: str
    look: Look | None

    @property
    def status_code(self) -> int | None:
        """The HTTP status of the answer, where one was read."""
        return (self.row.response or {}).get("status")

    @property
    def connection(self) -> str:
        """The connection and its revision, in words."""
        name, _, revision = self.row.connection.partition(" r")
        return (
            gettext("{name}, revision {revision}").format(name=name, revision=revision)
            if revision
            else name
        )

    @property
    def took_s(self) -> str:
        """Seconds from sending to the answer; empty where it was not sent."""
        if self.row.sent_at is None or self.row.finished_at is None:
            return ""
        return f"{(self.row.finished_at - self.row.sent_at).total_seconds():.2f}"


class Evidence:
    """The attempts of one action, and what this person may do about an unknown outcome."""

    def __init__(self, action: Action, by: Principal) -> None:
        self.action = action
        self.by = by

    @cached_property
    def attempts(self) -> list[Attempt]:
        """All of them, the first one first."""
        return [_attempt(row) for row in self.action.executions.order_by("attempt")]

    @property
    def is_unknown(self) -> bool:
        """Whether somebody has to find out what became of it."""
        return self.action.status == ActionStatus.UNKNOWN

    @property
    def may_settle(self) -> bool:
        """Whether this person may say what became of it."""
        return self.is_unknown and self.by.has(RECONCILE)

    @property
    def may_look(self) -> bool:
        """Whether the service can be asked once more."""
        return self.may_settle and can_look_up(self.action)

    @cached_property
    def order(self) -> RunAgain | None:
        """The order to run it again that waits for a second person."""
        return services.open_order(self.action) if self.is_unknown else None

    @property
    def may_confirm(self) -> bool:
        """Whether this person may be the second one."""
        return self.order is not None and self.order.ordered_by_id != getattr(
            self.by.user, "pk", None
        )

    @property
    def key(self) -> str:
        """What every attempt carries."""
        return self.action.public_id


def _attempt(row: Execution) -> Attempt:
    return Attempt(
        row,
        tone=TONES.get(ExecutionStatus(row.status), ""),
        request="" if row.request is None else _text(row.request),
        answer=_answer(row.response),
        look=_look(row.looked_up),
    )


def _answer(response: dict[str, Any] | None) -> str:
    """The body's beginning as it came; headers and status where there is none."""
    if response is None:
        return ""
    return str(response.get("body") or "") or _text(response)


def _look(said: dict[str, Any] | None) -> Look | None:
    if said is None:
        return None
    tone, text = LOOKS.get(said.get("state", ""), ("", gettext("The service was asked")))
    if said.get("state") == "found" and said.get("status") == "failed":
        tone, text = "bad", gettext("The service remembers that it refused")
    return Look(tone, str(text), said.get("detail") or "", _moment(said.get("at")))


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    try:
        return canonical(value).decode()
    except ValueError:
        return json.dumps(value, ensure_ascii=False)
