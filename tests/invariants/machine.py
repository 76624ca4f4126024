"""The gate as a state machine: whatever people, agents, workers and clocks do, in any order.

Every move goes through the real services against the real database; the connector counts. Deadlines
are moved, never the clock.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from approvals.models import Action, Approval, Delegation, KillSwitch
from approvals.services import (
    approve,
    break_glass,
    cancel,
    confirm_again,
    delegate,
    edit,
    expire_due,
    follow_tool,
    grants,
    open_order,
    order_again,
    propose,
    reconcile,
    reject,
    review_break_glass,
    revoke_delegation,
    set_kill_switch,
    undo,
    unreviewed,
)
from gateway.agents.services import agent_of_principal
from gateway.lib.errors import DomainError
from gateway.tenants.models import User
from gateway.tenants.services import deactivate_member, set_roles
from gateway.tools.models import Tool
from tests.invariants.ground import ANYBODY, DECIDERS, POLICIES, TOOLS, Ground, define
from tests.invariants.scene import run_out

picks = st.integers(0, 4)
notes = st.sampled_from(["a", "b", "c"])
tools = st.sampled_from(sorted(TOOLS))
deciders, anybody = st.sampled_from(DECIDERS), st.sampled_from(ANYBODY)
scopes = st.sampled_from(["environment", "tool:note", "tool:wire", "agent"])

MOVES: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
CHANCES: list[str] = []


def move(chance: int, **arguments: st.SearchStrategy[Any]) -> Callable[[Any], Any]:
    """One thing that may happen, with its chance among the others.

    Hypothesis would switch half of its own rules off in each example; of what is left, too little
    decides anything.
    """

    def register(method: Any) -> Any:
        MOVES[method.__name__] = st.fixed_dictionaries(arguments)
        CHANCES.extend([method.__name__] * chance)
        return method

    return register


def moves() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A move with its arguments, as its chance is."""
    return st.sampled_from(CHANCES).flatmap(lambda name: st.tuples(st.just(name), MOVES[name]))


class GateMachine(Ground):
    """The moves; `step` makes one of them, as its chance is."""

    @initialize(
        name=st.sampled_from([*sorted(POLICIES), "finance", "treasurer", "one"]),
        note=notes, is_away=st.sampled_from([True, True, False]),
    )  # fmt: skip
    def begin(self, name: str, note: str, is_away: bool) -> None:
        """A policy, a call of each tool, and perhaps a reviewer who is away."""
        self._set_policy(name)
        for tool in TOOLS:
            self.deliver(note=note, tool=tool)
        if is_away:
            self.delegate(delegator="second", substitute="third", ends=False)
        self._look()

    # -- agents ask

    @move(3, note=notes, tool=tools)
    def deliver(self, note: str, tool: str) -> None:
        """The provider reports a tool call of its run."""
        call = (f"call_{len(self.calls)}", tool, note)
        self.calls.append(call)
        self._report(call, event=f"evt_{len(self.calls)}")

    @move(2, pick=picks, again=st.booleans(), note=st.none() | notes)
    def duplicate(self, pick: int, again: bool, note: str | None) -> None:
        """The same call once more, as the same event or another; perhaps with other arguments."""
        number = pick % len(self.calls)
        name, tool, before = self.calls[number]
        known = Action.objects.count()
        event = f"evt_{number + 1}" if again else f"evt_again_{pick}"
        self._report((name, tool, before if note is None else note), event=event)
        assert Action.objects.count() == known
        self.seen["duplicates"] += 1

    @move(3, note=notes, tool=tools, who=st.sampled_from(["agent", "may", "third"]))
    def propose(self, note: str, tool: str, who: str) -> None:
        """A call without a run: the agent's own, or a person's through their key."""
        if who == "agent":
            self.here.ask(tool, arguments={"note": note})
            return
        by = self._principal(who)
        with suppress(DomainError):
            propose(
                environment=self.here.environment, agent=agent_of_principal(by), tool_name=tool,
                arguments={"note": note}, requester=by,
            )  # fmt: skip

    # -- people decide

    @move(6, pick=picks, who=deciders)
    def approve(self, pick: int, who: str) -> None:
        self._approve(self._pk(pick), who)

    @move(5, pick=picks, one=deciders, other=deciders)
    def approve_together(self, pick: int, one: str, other: str) -> None:
        """Two people, who may be one person twice."""
        pk = self._pk(pick)
        self._approve(pk, one)
        self._approve(pk, other)

    @move(3, pick=picks, who=anybody, is_stale=st.booleans())
    def approve_by_anybody(self, pick: int, who: str, is_stale: bool) -> None:
        """Also by who may not, and of what an older page showed."""
        action = self._action(pick)
        version = action.versions.order_by("number").first() if is_stale else None
        self._decide(approve, action, who, digest=version.digest if version else action.digest)

    @move(4, pick=picks, who=deciders, note=notes, votes=st.booleans())
    def edit(self, pick: int, who: str, note: str, votes: bool) -> None:
        """Other arguments, with or without the editor's own vote."""
        action = self._action(pick)
        deed = approve if votes else edit
        self._decide(deed, action, who, digest=action.digest, arguments={"note": note})

    @move(1, pick=picks, who=anybody)
    def reject(self, pick: int, who: str) -> None:
        action = self._action(pick)
        self._decide(reject, action, who, digest=action.digest, reason="No.")

    @move(3, pick=picks, who=anybody, deed=st.sampled_from([undo, undo, cancel]))
    def take_back(self, pick: int, who: str, deed: Any) -> None:
        """Undo in the hold, or cancel."""
        self._decide(deed, self._action(pick), who)

    @move(2, pick=picks, who=st.sampled_from(["admin", "admin", "may"]), reviews=st.booleans())
    def break_glass(self, pick: int, who: str, reviews: bool) -> None:
        """An admin, or who would like to be one, decides alone; or the owed review comes first."""
        owed = unreviewed(self.here.environment)
        if owed and reviews:
            review_break_glass(
                emergency=owed, by=self._principal("auditor"), finding="justified", comment="Yes."
            )
        action = self._action(pick)
        self._decide(break_glass, action, who, digest=action.digest, reason="Nobody else is here.")

    @move(2, pick=picks, who=deciders)
    def forge(self, pick: int, who: str) -> None:
        """Somebody with the database writes a vote that nobody cast."""
        action, user = self._action(pick), self._user(who)
        same = {"action": action, "action_version": action.version, "user": user}
        if not Approval.objects.filter(**same).exists():
            vote = Approval.objects.create(
                **same, digest=action.digest, decision="approve", signature="0" * 128
            )
            self.known_votes.add(vote.pk)

    # -- people come and go

    @move(2, who=deciders, has=st.sampled_from([True, True, False]))
    def change_role(self, who: str, has: bool) -> None:
        """A reviewer loses the role, or has it again."""
        member, by = self.here.people.member(self._user(who)), self._principal("admin")
        with suppress(DomainError):
            set_roles(member, self.here.environment, roles=["reviewer"] if has else [], by=by)

    @move(2, delegator=deciders, substitute=anybody, ends=st.sampled_from([False, False, True]))
    def delegate(self, delegator: str, substitute: str, ends: bool) -> None:
        """Somebody decides for another, or does so no more."""
        now, by = timezone.now(), self._principal(delegator)
        found = Delegation.objects.filter(revoked_at=None).first() if ends else None
        with suppress(DomainError):
            if found:
                revoke_delegation(delegation=found, by=by)
            else:
                delegate(
                    environment=self.here.environment, by=by, starts_at=now,
                    ends_at=now + timedelta(days=1), substitute=self._user(substitute).email,
                )  # fmt: skip

    @move(1, who=st.sampled_from(["third", "second"]))
    def leave(self, who: str) -> None:
        """Once in a while somebody leaves for good."""
        member = self.here.people.member(self._user(who))
        with suppress(DomainError):
            deactivate_member(member, by=self._principal("admin"))

    @move(4, pick=picks, who=deciders, uses=st.integers(0, 2))
    def grant(self, pick: int, who: str, uses: int) -> None:
        """Whoever voted lets the same call through; anybody else tries to. Without uses: revoke."""
        if not uses:
            self._revoke_grant(who)
            return
        action, by = self._action(pick), self._principal(who)
        if approvals := [vote for vote in self.oracle.cast if vote.approves]:
            vote = approvals[-1 - pick % len(approvals)]
            action = Action.objects.get(pk=vote.action)
            by = self.here.people.principal(User.objects.get(pk=vote.user))
        with suppress(DomainError):
            grants.create(
                action=action, by=by, max_uses=uses,
                expires_at=timezone.now() + timedelta(days=1), reason="The same every day.",
            )  # fmt: skip
            self.seen["grants"] += 1

    # -- the ground moves

    @move(3, name=st.sampled_from(sorted(POLICIES)))
    def change_policy(self, name: str) -> None:
        with suppress(DomainError):
            self._set_policy(name)

    @move(1, tool=tools, follows=st.booleans(), text=st.sampled_from(["One.", "Two."]))
    def change_tool(self, tool: str, follows: bool, text: str) -> None:
        """Another definition; perhaps before its job has run, so that open actions lag behind."""
        define(self.here, tool, description=text)
        if follows:
            follow_tool(str(Tool.objects.get(name=tool, environment=self.here.environment).pk))

    @move(2, scope=scopes)
    def switch(self, scope: str) -> None:
        """The kill switch: on, and whatever was on is off the next time."""
        on = list(KillSwitch.objects.filter(turned_off_at=None).values_list("scope", flat=True))
        self.seen["switches"] += 1
        for name in on or [f"agent:{self.here.agent.slug}" if scope == "agent" else scope]:
            set_kill_switch(
                self.here.environment, scope=name, on=not on, reason="Looks wrong.",
                by=self._principal("operator"),
            )  # fmt: skip

    @move(2, pick=picks, column=st.sampled_from(["decide_by", "execute_by"]), sweeps=st.booleans())
    def run_out(self, pick: int, column: str, sweeps: bool) -> None:
        """A deadline goes by; perhaps nobody has noticed yet."""
        run_out(Action.objects.filter(pk=self._pk(pick), **{f"{column}__isnull": False}), column)
        if sweeps:
            expire_due()

    # -- workers

    @move(4, pick=picks)
    def work(self, pick: int) -> None:
        self._work(self._ready(pick))

    @move(5, waits=st.booleans())
    def work_on_all(self, waits: bool) -> None:
        """All workers at once; perhaps after holds have ended and leases of the lost run out."""
        if waits:
            run_out(Action.objects.filter(due_at__isnull=False), "due_at")
            run_out(Action.objects.filter(lease_until__isnull=False), "lease_until")
        for pk in self.actions:
            self._work(pk)

    @move(4, pick=picks, moment=st.sampled_from(["before the call", "after the call"]))
    def crash(self, pick: int, moment: str) -> None:
        """The worker is killed between claim and finish."""
        self._work(self._ready(pick), until=moment)

    @move(2, pick=picks, who=anybody, outcome=st.sampled_from(["succeeded", "failed"]))
    def reconcile(self, pick: int, who: str, outcome: str) -> None:
        with suppress(DomainError):
            reconcile(
                action=self._action(pick), by=self._principal(who), outcome=outcome,
                evidence="Looked.",
            )  # fmt: skip

    @move(2, pick=picks, who=anybody, other=anybody)
    def run_again(self, pick: int, who: str, other: str) -> None:
        """Two people order what may have happened to be sent once more; perhaps one is both."""
        unknown = [pk for pk in self.actions if self.status[pk] == "unknown"] or self.actions
        action = Action.objects.get(pk=unknown[-1 - pick % len(unknown)])
        with suppress(DomainError):
            given = open_order(action) or order_again(
                action=action, by=self._principal(who), reason="No trace of it."
            )
            assert given.ordered_by_id not in self.oracle.behind(action)
            confirm_again(action=action, by=self._principal(other), order=given.public_id)
            given.refresh_from_db()
            assert given.confirmed_by_id not in {given.ordered_by_id, *self.oracle.behind(action)}
            self.seen["run again"] += 1

    @rule(what=st.deferred(moves))
    def step(self, what: tuple[str, dict[str, Any]]) -> None:
        name, arguments = what
        getattr(self, name)(**arguments)
