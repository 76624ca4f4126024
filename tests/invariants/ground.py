"""What the state machine of the gate stands on: its people, its workers, and what must hold.

The moves are in `machine.py`. What a step must never have done is looked up after it, in the rows
and in what the connector was asked.
"""

from collections import Counter
from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F
from hypothesis.stateful import RuleBasedStateMachine, invariant

from approvals import executor
from approvals.execution.looking import NotSent
from approvals.models import Action, Approval, Grant, RunAgain
from approvals.services import approve, grants, save_policy
from audit.models import AuditRecord
from gateway.connectors.fake import FakeConnector
from gateway.lib import ids
from gateway.lib.errors import DomainError
from gateway.providers.base import RunStatus, RunUpdate, ToolCall
from gateway.runs.services import apply_update
from gateway.tenants.models import Group, User
from gateway.tools.models import Tool
from gateway.tools.services import save
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.oracle import Oracle, arguments_of
from tests.invariants.scene import Scene

POLICIES: dict[str, dict[str, Any]] = {
    "one": {"verdict": "require_approval"},
    "two": {"verdict": "require_approval", "quorum": 2, "edit_needs_second": True},
    "finance": {"verdict": "require_approval", "reviewers": ["group:finance"], "quorum": 2},
    "treasurer": {"verdict": "require_approval", "reviewers": ["group:finance"]},
    "held": {"verdict": "require_approval", "hold_s": 60},
    "allow": {"verdict": "allow"},
    "deny": {"verdict": "deny"},
}
# `note` may be repeated with its key, `wire` may not.
TOOLS = {"note": "idempotent", "wire": "unsafe"}
# Whoever repeats a wire is not saved by a service that remembers the first one.
OPERATIONS = {"note": "echo", "wire": "forget"}
DECIDERS = ("may", "second", "third", "owner", "admin")
MAY_BEGIN = ("approved", "executing")
ANYBODY = (*DECIDERS, "may_not", "operator", "stranger")


class Ground(RuleBasedStateMachine):
    """One environment; each example in a transaction of its own, which is rolled back."""

    here: ClassVar[Scene]
    third: ClassVar[User]
    finance: ClassVar[Group]
    connector: ClassVar[FakeConnector]
    # What happened in all examples together: a machine in which nothing happens proves nothing.
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        self.connector.calls.clear()
        self.connector.effects.clear()
        self.oracle = Oracle(self.here.environment, {})
        self.status: dict[UUID, str] = {}
        self.actions: list[UUID] = []
        self.calls: list[tuple[str, str, str]] = []
        self.known_votes: set[UUID] = set()
        last = AuditRecord.objects.order_by("-pk").first()
        self.last_record = last.pk if last else UUID(int=0)

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.point)
        connection.run_on_commit.clear()

    # -- what holds after every step

    @invariant()
    def holds(self) -> None:
        self.seen["steps"] += 1
        self._look()

    def _look(self) -> None:
        rows = list(
            Action.objects.order_by("pk").values("pk", "status", "version", "digest", "rendered")
        )
        self._check_meanings(rows)
        self._check_records(rows)
        self._check_counts()
        self.status = {row["pk"]: row["status"] for row in rows}
        self.actions = [row["pk"] for row in rows]

    def _check_meanings(self, rows: list[dict[str, Any]]) -> None:
        """One digest is one request, for ever."""
        for row in rows:
            if row["digest"]:
                assert (
                    self.oracle.shown.setdefault(row["digest"], row["rendered"])
                    == (row["rendered"])
                )

    def _check_records(self, rows: list[dict[str, Any]]) -> None:
        """Every status change is told by records, link by link."""
        told: dict[str, list[list[str | None]]] = {}
        fresh = AuditRecord.objects.filter(pk__gt=self.last_record, target_kind="action")
        for pk, target, body in fresh.order_by("pk").values_list("pk", "target_id", "body_json"):
            self.last_record = pk
            if change := (body.get("changes") or {}).get("status"):
                told.setdefault(target, []).append(change)
        for row in rows:
            status = self.status.get(row["pk"], "proposed")
            for before, after in told.pop(ids.encode(Action.PREFIX, row["pk"]), []):
                assert before == status, f"a record tells of a move from {before}, not {status}"
                status = after
            assert status == row["status"], f"no record tells of {row['status']}"
        assert not told

    def _check_counts(self) -> None:
        """No vote that nobody cast; no grant that was used more often than it may be."""
        assert Approval.objects.count() == len(self.known_votes)
        grants_of = Grant.objects.annotate(used=Count("uses_of"))
        assert not grants_of.exclude(uses=F("used"), uses__lte=F("max_uses")).exists()

    # -- helpers

    def _user(self, who: str) -> User:
        return self.third if who == "third" else getattr(self.here.people, who)

    def _principal(self, who: str) -> Any:
        return self.here.people.principal(self._user(who))

    def _pk(self, pick: int) -> UUID:
        return self.actions[-1 - pick % len(self.actions)]

    def _ready(self, pick: int) -> UUID:
        """An action that a worker may want, if there is one."""
        ready = [pk for pk in self.actions if self.status[pk] in MAY_BEGIN] or self.actions
        return ready[-1 - pick % len(ready)]

    def _action(self, pick: int) -> Action:
        return Action.objects.get(pk=self._pk(pick))

    def _set_policy(self, name: str) -> None:
        rules = [{"name": name, "when": "true", **POLICIES[name]}]
        save_policy(self.here.environment, name="policy", rules=rules, comment="Changed.")
        self.oracle.policy = POLICIES[name]

    def _report(self, call: tuple[str, str, str], *, event: str) -> None:
        name, tool, note = call
        wanted = ToolCall(name, 0, tool, {"note": note})
        update = RunUpdate("run_of_theirs", RunStatus.TOOL_REQUIRED, (wanted,))
        apply_update(self.here.provider, update, event_public_id=event, event_sha256=event)

    def _revoke_grant(self, who: str) -> None:
        found = Grant.objects.filter(revoked_at=None).first()
        if found is not None:
            with suppress(DomainError):
                grants.revoke(grant=found, by=self._principal(who))
                self.seen["grants revoked"] += 1

    def _approve(self, pk: UUID, who: str) -> None:
        action = Action.objects.get(pk=pk)
        self._decide(approve, action, who, digest=action.digest)

    def _decide(self, deed: Any, action: Action, who: str, **more: Any) -> None:
        """Let somebody do something, and remember whom the gate took a vote of."""
        try:
            done = deed(action=action, by=self._principal(who), **more)
        except DomainError as error:
            self.seen[f"refused {error.code}"] += 1
            return
        self.seen[deed.__name__] += 1
        if "arguments" in more and done.version > action.version:
            self.oracle.edited(action.pk, self._user(who).pk)
        for vote in Approval.objects.exclude(pk__in=self.known_votes).select_related("action"):
            assert vote.user_id == self._user(who).pk
            assert not {vote.user_id, vote.on_behalf_of_id} & self.oracle.behind(vote.action)
            self.known_votes.add(vote.pk)
            self.oracle.heard(vote)
            self.seen["votes for others"] += vote.on_behalf_of_id is not None

    def _work(self, pk: UUID, *, until: str = "") -> None:
        """What a worker does, up to where it is killed; nothing else ever calls the outside."""
        status = self.status[pk]
        objection = self.oracle.objection(pk) if status in MAY_BEGIN else f"it is {status}"
        before = len(self.connector.calls)
        execution = executor.claim(str(pk))
        assert execution is None or not objection, objection
        if execution is None:
            self.seen["claims refused"] += 1
            assert len(self.connector.calls) == before
            return
        digest = execution.action.digest
        self.oracle.begun[pk] = digest
        if until == "before the call":
            self.seen["crashes"] += 1
            return
        outcome = executor.call(execution)
        if isinstance(outcome, NotSent):
            # Settled by what the service remembers of an attempt that was lost.
            assert len(self.connector.calls) == before
            executor.finish(execution, outcome)
            self.seen["looked up"] += 1
            return
        (made,) = self.connector.calls[before:]
        assert dict(made.arguments) == arguments_of(self.oracle.shown[digest])
        assert made.idempotency_key == execution.action.public_id
        if execution.action.tool_name == "wire":
            keys = [call.idempotency_key for call in self.connector.calls]
            ordered = RunAgain.objects.filter(action=pk, confirmed_at__isnull=False).count()
            assert keys.count(made.idempotency_key) <= 1 + ordered
        if until == "after the call":
            self.seen["crashes"] += 1
            return
        executor.finish(execution, outcome)
        self.seen["executions"] += 1


def define(here: Scene, tool: str, **more: Any) -> Tool:
    """A definition of one of the two tools."""
    definition = ToolDefinitionFactory(
        name=tool, retry_class=TOOLS[tool], operation=OPERATIONS[tool], **more
    )
    return save(here.environment, **definition)
