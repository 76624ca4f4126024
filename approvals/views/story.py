"""What became of an action: its policy trace, history, origin and ending, in words."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Max
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import Action, ActionVersion
from approvals.states import ActionStatus, ExecutionStatus
from approvals.views.rows import place
from audit.canonical import canonical
from audit.models import AuditRecord
from gateway.lib import ids
from gateway.tenants.models import User

TRACE_LOOKS = {
    "matched": ("ok", "check", _("matched")),
    "not_matched": ("off", "minus", _("not matched")),
    "error": ("bad", "alert-circle", _("could not be evaluated")),
    "not_reached": ("off", "minus", _("not reached")),
}
ENDINGS = {
    ActionStatus.INVALID: ("bad", "alert-circle", _("Refused: the call is not valid")),
    ActionStatus.DENIED: ("bad", "hand-stop", _("Denied")),
    ActionStatus.REJECTED: ("", "ban", _("Rejected")),
    ActionStatus.EXPIRED: ("warn", "clock-x", _("Expired: nobody decided in time")),
    ActionStatus.CANCELED: ("", "circle-minus", _("Canceled")),
    ActionStatus.SUCCEEDED: ("ok", "circle-check", _("Succeeded")),
    ActionStatus.FAILED: ("bad", "circle-x", _("Failed")),
    ActionStatus.UNKNOWN: ("warn", "help-circle", _("The outcome is not known")),
}
MADE = {
    ActionVersion.Origin.EDITED: ("pencil", _("{who} edited it: version {number}")),
    ActionVersion.Origin.RETURNED: (
        "arrow-back-up-double", _("{who} returned it to review: version {number}"),
    ),
    ActionVersion.Origin.UNDONE: (
        "arrow-back-up-double", _("{who} undid the approval: version {number}"),
    ),
    ActionVersion.Origin.DRIFTED: (
        "git-merge", _("The target moved, so nothing ran: version {number}"),
    ),
}  # fmt: skip
UNKNOWN_HINT = _("It may have happened. Look in the other system before it is run again.")


@dataclass(frozen=True)
class TraceRow:
    """One rule and what it said of this action."""

    rule: str
    verdict: str
    detail: str
    tone: str
    icon: str
    word: str
    is_match: bool


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    at: datetime | None
    icon: str
    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Ending:
    """How it ended: a note above the card."""

    tone: str
    icon: str
    title: str
    text: str
    result: str


@dataclass(frozen=True)
class Record:
    """One audit record, its actor by name."""

    action: str
    by: str
    outcome: str
    reason: str
    occurred_at: datetime


def trace_of(action: Action) -> list[TraceRow]:
    """The stored trace; a rule that was not reached says so."""
    rows = []
    for line in action.trace:
        tone, icon, word = TRACE_LOOKS.get(line["outcome"], ("off", "minus", line["outcome"]))
        is_match = line["outcome"] == "matched" or line["rule"] == action.rule
        detail = line.get("detail") or ""
        rows.append(TraceRow(line["rule"], line["verdict"], detail, tone, icon, word, is_match))
    return rows


def ending_of(action: Action) -> Ending | None:
    """How it ended; None while it is open."""
    status = ActionStatus(action.status)
    if status not in ENDINGS:
        return None
    tone, icon, title = ENDINGS[status]
    text = action.reason or (str(UNKNOWN_HINT) if status == ActionStatus.UNKNOWN else "")
    result = "" if action.result is None else _text(action.result)
    return Ending(tone, icon, str(title), text, result)


def history_of(action: Action) -> list[Entry]:
    """What happened, in order, from the rows themselves."""
    entries = [
        Entry(
            action.created_at,
            "robot",
            gettext("{agent} proposed this action").format(agent=action.agent.slug),
        )
    ]
    if action.policy_hash:
        rule = action.rule or gettext("the default")
        entries.append(
            Entry(
                action.created_at,
                "scale",
                gettext("Policy: {rule} decided").format(rule=rule),
                services.asked(action),
            )
        )
    known = [*_versions(action), *_votes(action), *_executions(action), *_orders(action)]
    entries += sorted(known, key=lambda entry: entry.at or action.created_at)
    if action.status == ActionStatus.PENDING:
        waits = gettext("Waiting for {asked}").format(asked=services.asked(action))
        entries.append(Entry(None, "hourglass", waits, tone="now"))
    elif (ending := ending_of(action)) is not None:
        tone = ending.tone if ending.tone in ("ok", "bad") else ""
        entries.append(Entry(action.settled_at, ending.icon, ending.title, ending.text, tone))
    return entries + _repeats(action)


def _repeats(action: Action) -> list[Entry]:
    """How often the agent made the same call again, for which nobody was asked."""
    again = Action.objects.within(action.environment).filter(repeats_id=action.pk)
    found = again.aggregate(count=Count("pk"), last=Max("created_at"))
    if not (count := found["count"]):
        return []
    text = ngettext(
        "Asked for again {count} time, refused at once",
        "Asked for again {count} times, refused at once",
        count,
    ).format(count=count)
    return [Entry(found["last"], "refresh", text)]


def _votes(action: Action) -> list[Entry]:
    entries = []
    for vote in action.approvals.select_related("user", "on_behalf_of"):
        said = gettext("approved") if vote.decision == "approve" else gettext("rejected")
        void = gettext(", void since: the action changed") if vote.void_at else ""
        who = (
            gettext("{user} for {on_behalf_of}").format(
                user=vote.user, on_behalf_of=vote.on_behalf_of
            )
            if vote.on_behalf_of
            else str(vote.user)
        )
        signed = gettext(" and signed it with a passkey") if vote.assertion else ""
        text = gettext("{who} {said} digest {digest}{signed}{void}").format(
            who=who, said=said, digest=vote.digest[:12], signed=signed, void=void
        )
        icon, tone = ("check", "ok") if vote.decision == "approve" else ("x", "bad")
        entries.append(Entry(vote.created_at, icon, text, vote.comment, "" if void else tone))
    return entries


def _versions(action: Action) -> list[Entry]:
    """Each change of what is asked, with who made it and why."""
    entries = []
    for version in action.versions.select_related("made_by"):
        if version.origin in MADE:
            icon, did = MADE[ActionVersion.Origin(version.origin)]
            text = did.format(who=version.made_by or gettext("The gate"), number=version.number)
            entries.append(Entry(version.made_at, icon, text, version.comment))
    return entries


def _executions(action: Action) -> list[Entry]:
    entries = []
    for attempt in action.executions.all():
        bad = attempt.status in (ExecutionStatus.FAILED, ExecutionStatus.UNKNOWN)
        status = gettext(attempt.get_status_display()).lower()
        note = attempt.error or gettext("Idempotency key {idempotency_key}").format(
            idempotency_key=attempt.idempotency_key
        )
        if http_status := (attempt.response or {}).get("status"):
            note = gettext("{note}, HTTP status {http_status}").format(
                note=note, http_status=http_status
            )
        text = gettext("Execution {attempt}: {status}").format(
            attempt=attempt.attempt, status=status
        )
        when = attempt.finished_at or attempt.sent_at or attempt.created_at
        entries.append(Entry(when, "send", text, note, "bad" if bad else ""))
    return entries


def _orders(action: Action) -> list[Entry]:
    """Who ordered it to run again, and who confirmed that."""
    entries = []
    for order in action.orders.select_related("ordered_by", "confirmed_by"):
        text = gettext("{ordered_by} ordered it to run again").format(ordered_by=order.ordered_by)
        entries.append(Entry(order.created_at, "refresh", text, order.reason))
        if order.confirmed_by:
            text = gettext("{confirmed_by} confirmed that it runs again").format(
                confirmed_by=order.confirmed_by
            )
            entries.append(Entry(order.confirmed_at, "users", text))
    return entries


def origin_of(action: Action, *, may: Callable[[str], bool], line: Any) -> list[Any]:
    """Where it comes from; links only to what the reader may open."""
    rows = [_tool(action, may=may, line=line)]
    if (version := action.tool_version) is not None:
        kind = f"{version.get_side_effect_display()}, {version.get_retry_class_display().lower()}"
        rows.append(line(kind, label=gettext("Class")))
    agent_url = place(action, "agents:detail", agent=action.agent.public_id)
    rows.append(
        line(action.agent.slug, label=gettext("Agent"), url=may("agents.view_agent") and agent_url)
    )
    rows.append(line(action.requester_label or action.requester_id, label=gettext("Requested by")))
    if action.orderers:
        names = _names(set(action.orderers))
        who = ", ".join(names.get(one, one) for one in action.orderers)
        rows.append(line(who, label=gettext("Ordered by")))
    if action.run_id:
        run = ids.encode("run", action.run_id)
        url = may("runs.view_run") and place(action, "runs:detail", run=run)
        rows.append(line(run, label=gettext("Run"), url=url))
    if action.source_event:
        event = action.source_event
        url = may("webhooks.view_event") and place(action, "webhooks:event", event=event)
        rows.append(line(event, label=gettext("Event"), url=url))
    if action.undoes is not None:
        url = place(action, "approvals:detail", action=action.undoes.public_id)
        rows.append(line(action.undoes.effect, label=gettext("Undoes"), url=url))
    rows.append(line(action.call_id, label=gettext("Call id")))
    rows.append(line(str(action.version), label=gettext("Version")))
    return rows


def _tool(action: Action, *, may: Callable[[str], bool], line: Any) -> Any:
    if action.tool is None or not may("tools.view_tool"):
        return line(action.tool_name, label=gettext("Tool"))
    url = place(action, "tools:detail", tool=action.tool.public_id)
    return line(action.tool_name, label=gettext("Tool"), url=url)


def records_of(action: Action) -> list[Record]:
    """The audit records of the action and its executions, with names as they are today."""
    targets = [action.public_id, *(row.public_id for row in action.executions.all())]
    rows = list(AuditRecord.objects.filter(target_id__in=targets).order_by("id"))
    names = _names({row.actor_id for row in rows if row.actor_kind == "person"})
    return [
        Record(
            row.action,
            names.get(row.actor_id, _machine(row)),
            row.outcome,
            row.reason,
            row.occurred_at,
        )
        for row in rows
    ]


def _names(people: set[str]) -> dict[str, str]:
    keys = [ids.decode(User.PREFIX, person) for person in people if person.startswith("usr_")]
    return {user.public_id: str(user) for user in User.objects.filter(pk__in=keys)}


def _machine(row: AuditRecord) -> str:
    return row.actor_kind if row.actor_kind == "system" else f"{row.actor_kind} {row.actor_id}"


def audit_address(correlation_id: str) -> str:
    """All audit records of one journey, in the admin."""
    query = urlencode({"correlation_id": correlation_id})
    return f"/{settings.ADMIN_PATH}audit/auditrecord/?{query}"


def _text(value: Any) -> str:
    try:
        return canonical(value).decode()
    except ValueError:
        return json.dumps(value, ensure_ascii=False)
