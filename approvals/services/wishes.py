"""A call on its way through the gate: what was asked, and which call it is."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from approvals.findings import Finding, Ruling
from approvals.loops import EqualCall
from approvals.models import Action, Grant, ShadowVerdict
from approvals.requirement import Requirement
from approvals.services import trail
from audit.actions import AuditAction
from audit.canonical import NotCanonical, canonical, parsed
from gateway.agents.models import Agent
from gateway.budgets.services import Standing
from gateway.lib import ids
from gateway.lib.errors import Conflict
from gateway.lib.strictjson import Marked
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal
from gateway.tools import services as tools
from gateway.tools.models import Tool, ToolVersion


@dataclass(frozen=True)
class NoRoom:
    """Why a run may make no call more: a code for machines, a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True)
class RunContext:
    """What the gate may know of a run; the run's own app fills it in.

    `take_call` counts the call in the transaction that stores it, or says why there is no room.
    """

    id: uuid.UUID
    facts: dict[str, Any]
    starter_user_id: uuid.UUID | None = None
    require_approval_for: tuple[str, ...] = ()
    take_call: Callable[[], NoRoom | None] | None = None


@dataclass
class Wish:
    """A call on its way through the gate: what was asked, and what was found out about it.

    `is_edit` says that a person changed a call which is counted already: its pace is the agent's.
    """

    environment: Environment
    agent: Agent
    tool_name: str
    arguments: Any
    requester: Principal
    run: RunContext | None
    is_edit: bool = False
    # The action that it undoes.
    undoes_id: uuid.UUID | None = None
    tool: Tool | None = None
    text: str = ""
    sha256: str = ""
    rendered: dict[str, Any] = field(default_factory=dict)
    effect: str = ""
    target: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    shadows: list[ShadowVerdict] = field(default_factory=list)
    # What asks for a person whatever policy says; unlike a finding it leaves the wish sound.
    cautions: list[Finding] = field(default_factory=list)
    equal: list[EqualCall] = field(default_factory=list)
    repeats_id: uuid.UUID | None = None
    # A grant that lets it through, and what people would have been asked for without it.
    grant: Grant | None = None
    asked_of_people: Requirement | None = None
    may_use_grants: bool = True

    @property
    def version(self) -> ToolVersion | None:
        """By what it would be carried out: the tool's definition, or its way to undo a call."""
        current = self.tool.current if self.tool else None
        return tools.as_undo(current) if current and self.undoes_id else current

    @property
    def sensitive(self) -> list[str]:
        """The paths of the arguments that are masked wherever they are kept beside the request."""
        return list(self.tool.current.sensitive) if self.tool and self.tool.current else []

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against rendering and judging it."""
        return self.tool is not None and not self.findings


def read_arguments(wish: Wish) -> None:
    """The one canonical text of the arguments and its hash; a finding where there is none."""
    if isinstance(wish.arguments, Marked):
        wish.sha256 = wish.arguments.sha256
        detail = f"The arguments have more than one meaning: {wish.arguments.reason}."
        wish.findings.append(Finding("arguments", "invalid", detail, Ruling.INVALID))
        return
    try:
        raw = canonical(wish.arguments)
    except NotCanonical as error:
        wish.sha256 = hashlib.sha256(repr(wish.arguments).encode()).hexdigest()
        wish.findings.append(Finding("arguments", "invalid", str(error), Ruling.INVALID))
        return
    wish.text, wish.sha256 = raw.decode(), hashlib.sha256(raw).hexdigest()
    # What rules judge now is what they judge again at the claim: 100.0 and 100 are one number.
    wish.arguments = parsed(wish.text)


def identity(wish: Wish, call_id: str | None) -> tuple[str, str]:
    """Where the call's id is unique (its run, else its principal), and the id itself."""
    scope = f"run:{wish.run.id}" if wish.run else f"{wish.requester.kind}:{wish.requester.id}"
    place = scope if wish.run else f"{scope}:{wish.environment.id.hex[-12:]}"
    return place[:80], (call_id or ids.random_token("call"))[:200]


def existing(wish: Wish, scope: str, call: str) -> Action | None:
    """The action that this call made before; raises Conflict where it was another call."""
    found = Action.objects.filter(call_scope=scope, call_id=call).first()
    if found is None:
        return None
    if found.asked_sha256 == wish.sha256 and found.tool_name == wish.tool_name:
        return found
    with unit_of_work(
        attempt=AuditAction.ACTION_REFUSED,
        target=trail.target(found),
        scope=wish.environment.audit_scope,
    ):
        raise Conflict(
            "call_id_conflict",
            f"Call {call!r} was made before with other arguments; use a new call id.",
            action=found.public_id,
        )


def requester_of(action: Action) -> Principal:
    """Who asked for a stored action."""
    return Principal(
        action.requester_kind, action.requester_id, action.requester_label, action.environment,
        owner_id=action.requester_owner_id, ordered_by=frozenset(action.orderers),
    )  # fmt: skip
