"""The decision card: everything a reviewer needs before a button may be pressed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import Action, ShadowVerdict
from approvals.services.masking import effect_sentence, shown_affected, shown_target
from approvals.states import ActionStatus
from approvals.views import story
from approvals.views.attention import Attention
from approvals.views.ballot import Ballot
from approvals.views.changes import ChangeRow, changes_of
from approvals.views.edits import Edits, edits_of
from approvals.views.evidence import Evidence
from approvals.views.lines import Line
from approvals.views.notes import Note, notes_of
from approvals.views.payload import Request, request_of
from approvals.views.powers import Powers
from approvals.views.risk import reasons_of
from approvals.views.rows import Row, place
from gateway.lib import ids
from gateway.tools import services as tools
from gateway.tools.models import SideEffect

SIMILAR = 5
MOST_CHANGES = 500
# Characters from which on a sentence is no headline any more, and from which on only its start is.
LONG_TITLE, LONGEST_TITLE = 140, 480
ICONS = {
    "customer": "user", "person": "user", "user": "user", "order": "receipt", "email": "mail",
    "mail": "mail", "ticket": "message", "shop": "building-store", "url": "link-off",
}  # fmt: skip
STEPS = (_("Proposed"), _("Policy"), _("Review"), _("Hold"), _("Executing"), _("Done"))
HOLD = 3
AT_STEP = {
    ActionStatus.PROPOSED: 1, ActionStatus.INVALID: 1, ActionStatus.DENIED: 1,
    ActionStatus.PENDING: 2, ActionStatus.REJECTED: 2, ActionStatus.EXPIRED: 2,
    ActionStatus.CANCELED: 2, ActionStatus.APPROVED: 4, ActionStatus.EXECUTING: 4,
}  # fmt: skip
STOPPED = {
    ActionStatus.INVALID, ActionStatus.DENIED, ActionStatus.REJECTED, ActionStatus.EXPIRED,
    ActionStatus.CANCELED,
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step of the state line: `done`, `now`, or empty."""

    word: str
    state: str
    icon: str


class Card(Row):
    """An action as its page shows it to one person."""

    def __init__(self, request: Any, action: Action) -> None:
        super().__init__(action)
        self.http = request
        self.user = request.user

    def _may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission, self.action.environment))

    @property
    def list_url(self) -> str:
        """The list of actions."""
        return place(self.action, "approvals:list")

    @property
    def agent_url(self) -> str:
        """The agent's page."""
        if not self._may("agents.view_agent"):
            return ""
        return place(self.action, "agents:detail", agent=self.action.agent.public_id)

    @cached_property
    def attention(self) -> Attention:
        """Who looks after it, and what was said."""
        return Attention(self.action, self.user)

    @property
    def title_size(self) -> str:
        """How the sentence stands as a heading; the longest goes on in the first block, whole."""
        if len(self.effect) <= LONG_TITLE:
            return ""
        return "is-long" if len(self.effect) <= LONGEST_TITLE else "is-longest"

    @property
    def is_open(self) -> bool:
        """Whether people can still decide."""
        return self.action.status == ActionStatus.PENDING

    @cached_property
    def steps(self) -> list[Step]:
        """The state line; without a hold its step is left out."""
        at = AT_STEP.get(ActionStatus(self.action.status), len(STEPS))
        if self.is_held:
            at = HOLD
        stopped = self.action.status in STOPPED
        steps = []
        for number, word in enumerate(map(str, STEPS)):
            if number == HOLD and not self.hold_s:
                continue
            if number < at:
                steps.append(Step(word, "done", "circle-check"))
            elif number == at:
                steps.append(Step(word, "now", "circle-x" if stopped else "circle-dot"))
            else:
                steps.append(Step(word, "", "circle"))
        return steps

    @cached_property
    def request(self) -> Request:
        """Block 3."""
        return request_of(self.action)

    @cached_property
    def hidden(self) -> int:
        """How many characters of the shown request hide from the eye or look like others."""
        return len(self.request.marks)

    @property
    def is_suspect(self) -> bool:
        """Whether Reject is the button that offers itself."""
        return self.hidden > 0

    @property
    def hold_s(self) -> int:
        """Seconds between the last vote and the execution."""
        return int((self.action.requirement or {}).get("hold_s") or 0)

    @property
    def outcome_line(self) -> str:
        """What the bar says of an approved action."""
        if self.is_held:
            return gettext("Approved. It rests before it starts, and can be undone until then.")
        return gettext("Approved. It can be canceled until it is sent.")

    @property
    def reversible(self) -> Line:
        """Whether it can be taken back, and how."""
        version = self.action.tool_version
        if version is None or version.side_effect == SideEffect.READ:
            return Line(gettext("Reads only: nothing is changed."), icon="eye")
        if self.undo_says:
            return Line(
                gettext("Can be undone: {undo_says}").format(undo_says=self.undo_says),
                icon="arrow-back-up-double",
            )
        if version.side_effect == SideEffect.DESTRUCTIVE:
            text = gettext(
                "Not reversible: what it removes or pays out does not come back by itself."
            )
            return Line(text, icon="alert-triangle", tone="warn")
        return Line(
            gettext("Not taken back from here: undoing it is another action."), icon="alert-circle"
        )

    @property
    def undo_says(self) -> str:
        """What the tool declares to undo it, with the call's own arguments."""
        version = self.action.tool_version
        undo = tools.as_undo(version) if version and not self.action.undoes_id else None
        if undo is None:
            return ""
        return f"{effect_sentence(undo, self.action.arguments_value)}."

    @cached_property
    def undone_by(self) -> Row | None:
        """The action that undoes it, or is about to."""
        if self.action.status != ActionStatus.SUCCEEDED:
            return None
        other = services.undone_by(self.action)
        return Row(other) if other else None

    @cached_property
    def evidence(self) -> Evidence:
        """Its attempts, and what this person may do about an unknown outcome."""
        return Evidence(self.action, self.powers.by)

    @cached_property
    def _others(self) -> list[Action]:
        if self.action.is_settled:
            return []
        return list(services.others_on(self.action)[: SIMILAR + 1])

    @property
    def others(self) -> list[Row]:
        """Other open actions on the same entities, the newest first."""
        return [Row(other) for other in self._others[:SIMILAR]]

    @property
    def more_others(self) -> bool:
        """Whether there are more than are shown."""
        return len(self._others) > SIMILAR

    @cached_property
    def targets(self) -> list[Line]:
        """Block 2: who and what is affected, from the live read, else from the request."""
        rows = shown_affected(self.action) or [
            {"kind": "target", "id": text, "label": text} for text in shown_target(self.action)
        ]
        return [
            Line(
                "",
                icon=ICONS.get(row["kind"], "arrow-right"),
                label=row.get("label") or row["id"],
                kind=row["kind"],
                id=row["id"],
            )
            for row in rows
        ]

    @property
    def as_of(self) -> Any:
        """When the live read was made; None where there was none."""
        return self.action.previewed_at

    @property
    def through(self) -> str:
        """By which connector it is carried out."""
        version = self.action.tool_version
        return (
            f"{version.connector} {version.operation}" if version else gettext("nothing: refused")
        )

    @property
    def credential(self) -> str:
        """Which credential is used, never what it is."""
        version = self.action.tool_version
        if version is None or version.connection is None:
            return ""
        return f"{version.connection.slug} ••••{version.connection.fingerprint[:4]}"

    @cached_property
    def reasons(self) -> list[Line]:
        """Block 4: why it is as risky as the chip says."""
        return reasons_of(
            self.action, agent=str(self.agent), hidden=self.hidden, external=self.external
        )

    @property
    def rule(self) -> str:
        """The name of the rule that decided."""
        return self.action.rule

    @property
    def policies_url(self) -> str:
        """The page of the rules."""
        may = self._may("approvals.view_policy")
        return place(self.action, "approvals:policies") if may else ""

    @cached_property
    def _diff(self) -> tuple[str, list[ChangeRow]]:
        return changes_of(self.action)

    @property
    def comparison(self) -> str:
        """What the diff compares."""
        return self._diff[0]

    @property
    def changes(self) -> list[ChangeRow]:
        """The rows of the diff."""
        return self._diff[1]

    @property
    def shown_changes(self) -> list[ChangeRow]:
        """As many rows as anybody reads; the payload shows every value, whatever this does."""
        return self.changes[:MOST_CHANGES]

    @property
    def more_changes(self) -> int:
        """How many rows are not shown."""
        return max(0, len(self.changes) - MOST_CHANGES)

    @property
    def trace(self) -> list[story.TraceRow]:
        """Each rule and what it said."""
        return story.trace_of(self.action)

    @cached_property
    def shadows(self) -> list[ShadowVerdict]:
        """What versions on trial, of which nothing was applied, would have said."""
        return list(self.action.shadows.select_related("version__policy"))

    @property
    def rules_hash(self) -> str:
        """The version of the rules."""
        return self.action.policy_hash

    @cached_property
    def history(self) -> list[story.Entry]:
        """What happened, in order."""
        return story.history_of(self.action)

    @property
    def outcome(self) -> story.Ending | None:
        """How it ended, where it did."""
        return story.ending_of(self.action)

    @cached_property
    def origin(self) -> list[Line]:
        """Where it comes from."""
        return story.origin_of(self.action, may=self._may, line=Line)

    @property
    def context(self) -> list[Line]:
        """The times and tags of the request."""
        action = self.action
        rows = [Line("", label=gettext("Proposed"), at=action.created_at)]
        for label, when in (
            (gettext("Decide by"), action.decide_by),
            (gettext("Execute by"), action.execute_by),
        ):
            rows += [Line("", label=label, at=when)] if when else []
        rows += [Line(str(value), label=name) for name, value in sorted(action.tags.items())]
        return [*rows, Line(action.call_scope, label=gettext("Call id counts in"))]

    @cached_property
    def similar(self) -> list[Row]:
        """The latest other actions of this tool."""
        rows = Action.objects.within(self.action.environment).filter(
            tool_name=self.action.tool_name
        )
        return [Row(row) for row in rows.exclude(pk=self.action.pk).for_lists()[:SIMILAR]]

    @property
    def says(self) -> str:
        """The agent's own reason, unverified."""
        return self.action.agent_reason

    @property
    def correlation_id(self) -> str:
        """What ties it to the rest of its journey."""
        return self.action.correlation_id

    @cached_property
    def records(self) -> list[story.Record]:
        """Its audit records, for who may read them."""
        return story.records_of(self.action) if self._may("audit.view_record") else []

    @property
    def audit_url(self) -> str:
        """All records of the journey, in the admin."""
        return story.audit_address(self.action.correlation_id) if self.records else ""

    @cached_property
    def powers(self) -> Powers:
        """What this person may do beside voting."""
        return Powers(self.http, self.action)

    @property
    def may_reject(self) -> bool:
        """Whether this person can refuse it, which whoever edited it may as well."""
        return self.powers.may_edit and not self.ballot.has_voted

    @cached_property
    def edits(self) -> Edits | None:
        """What reviewers made of it; None while it is as the agent asked."""
        return edits_of(self.action)

    @cached_property
    def ballot(self) -> Ballot:
        """The vote on it."""
        return Ballot(self.action, self.user)

    @cached_property
    def warnings(self) -> list[Note]:
        """What must be read before deciding."""
        return notes_of(self.action, marks=self.request.marks, now=timezone.now())

    @property
    def run_id(self) -> str:
        """The run's public id."""
        return ids.encode("run", self.action.run_id) if self.action.run_id else ""
