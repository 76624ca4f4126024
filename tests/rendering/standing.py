"""Rows of every kind whose texts are hostile, and the pages of desk and explorer that show them."""

import json
from typing import Any

from django.urls import reverse

from audit.context import Actor
from tests.desk import at
from tests.factories.agents import AgentFactory
from tests.factories.approvals import (
    ActionFactory,
    CommentFactory,
    ExecutionFactory,
    KillSwitchFactory,
)
from tests.factories.audit import AuditRecordFactory
from tests.factories.runs import RunEventFactory, RunFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.people import People

NAME, KEY = 120, 100


def rows_holding(people: People, text: str) -> dict[str, Any]:
    """One row of each kind; whatever somebody outside can write into it is the text."""
    environment = people.environment
    agent = AgentFactory(environment=environment, name=text[:NAME])
    tool = ToolFactory(environment=environment, current__description=text)
    run = RunFactory(
        environment=environment, agent=agent, task=text, output={"text": text},
        error={"message": text}, tags={"user_id": text}, provider_run_id=text[:KEY],
    )  # fmt: skip
    RunEventFactory(run=run, number=1, data={"text": text, text[:KEY]: 1})
    action = ActionFactory(
        environment=environment, agent=agent, tool=tool, run_id=run.pk,
        with_arguments={"note": text, text[:KEY]: 1}, effect=text, agent_reason=text, reason=text,
        requester_label=text[:NAME], target=[f"customer:{text}"], tags={"user": text},
        before={"note": ""}, after={"note": text}, preview_error=text[:200], trace=_trace(text),
    )  # fmt: skip
    CommentFactory(action=action, text=text)
    ExecutionFactory(action=action, response={"text": text}, error=text)
    source = SourceFactory(environment=environment, name=text[:NAME])
    event = EventFactory(
        source=source, event_id=text[:KEY], event_type=text[:KEY], reason=text,
        body=json.dumps({"text": text}).encode(), headers=f"x-text: {text}\n".encode(),
    )  # fmt: skip
    record = AuditRecordFactory(
        scope=environment.audit_scope, reason=text[:KEY], meta={"text": text},
        changes={"note": [None, text]}, actor=Actor("agent", agent.public_id),
    )  # fmt: skip
    switch = KillSwitchFactory(environment=environment, scope=f"tool:{tool.name}", reason=text)
    return {
        "action": action, "run": run, "event": event, "source": source, "agent": agent,
        "tool": tool, "record": record, "switch": switch,
    }  # fmt: skip


def _trace(text: str) -> list[dict[str, str]]:
    return [
        {
            "rule": text[:NAME],
            "policy_id": "",
            "outcome": "error",
            "verdict": "deny",
            "detail": text,
        }
    ]


def addresses_of(people: People, rows: dict[str, Any]) -> dict[str, str]:
    """Where these rows are shown, by the name of the page."""
    action, run, agent = (rows[name].public_id for name in ("action", "run", "agent"))
    parts = {
        "approvals:detail": {"action": action}, "approvals:reject": {"action": action},
        "approvals:comment": {"action": action}, "approvals:edit": {"action": action},
        "runs:detail": {"run": run}, "agents:detail": {"agent": agent},
        "tools:detail": {"tool": rows["tool"].public_id},
        "webhooks:event": {"event": rows["event"].public_id},
        "webhooks:explain": {"event": rows["event"].public_id},
        "webhooks:source": {"source": rows["source"].slug},
        "audit:record": {"record": rows["record"].pk},
    }  # fmt: skip
    lists = (
        "approvals:inbox", "approvals:list", "approvals:kill_switch", "runs:list", "agents:list",
        "tools:list", "webhooks:events", "webhooks:sources", "audit:records", "board:attention",
    )  # fmt: skip
    places = parts | {name: {} for name in lists}
    desk = {name: at(people.environment, name, **given) for name, given in places.items()}
    return desk | {f"explorer of {name}": url for name, url in _explored(rows).items()}


def _explored(rows: dict[str, Any]) -> dict[str, str]:
    """The explorer's list of each kind of row, and the row's own page there."""
    found = {}
    for name, row in rows.items():
        label = f"{row._meta.app_label}_{row._meta.model_name}"
        found[f"{name}s"] = reverse(f"admin:{label}_changelist")
        found[name] = reverse(f"admin:{label}_change", args=[row.pk])
    return found
