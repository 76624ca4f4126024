"""Deciding about an upstream that describes a tool otherwise than was accepted."""

from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Conflict, Refused, StaleState
from gateway.tools.models import Pin, Tool
from gateway.tools.services.defining import definition_of, save

FROM_UPSTREAM = ("description", "input_schema", "operation")


@transaction.atomic
def accept_drift(tool: Tool, *, sha256: str) -> Tool:
    """Take the upstream's present description over as the tool's next version.

    What waits under the old one goes through the gate again. Risk, class, sentence and reviewers
    stay as they were set here. Raises Conflict where there is nothing to decide, StaleState where
    the upstream has changed again, Refused where its description does not fit the rest.
    """
    locked, pin = _in_doubt(tool, sha256)
    if pin.seen is None or locked.current is None:
        raise Refused("gone", "The upstream no longer has this tool: archive it, or keep it.")
    definition = definition_of(locked.current) | {n: pin.seen[n] for n in FROM_UPSTREAM}
    definition["config"] = {**locked.current.config, **pin.seen["config"]}
    saved = save(
        locked.environment, name=locked.name, connection=locked.current.connection,
        enabled=locked.is_enabled, is_draft=True, **definition,
    )  # fmt: skip
    pin.accepted, pin.accepted_sha256 = pin.seen, pin.seen_sha256
    pin.save(update_fields=["accepted", "accepted_sha256"])
    return _settled(saved, pin, AuditAction.DRIFT_ACCEPTED)


@transaction.atomic
def keep_pinned(tool: Tool, *, sha256: str) -> Tool:
    """Refuse the upstream's present description: what was accepted goes on holding.

    The same description is not asked about again. Raises as `accept_drift`.
    """
    locked, pin = _in_doubt(tool, sha256)
    return _settled(locked, pin, AuditAction.DRIFT_REFUSED)


def proposal_of(tool: Tool) -> dict[str, Any] | None:
    """Before and after of what an upstream changed; None where there is nothing to decide."""
    pin = Pin.objects.filter(tool=tool).first()
    if pin is None or tool.drifted_at is None:
        return None
    return {"before": pin.accepted, "after": pin.seen, "sha256": pin.seen_sha256, "pin": pin}


def _in_doubt(tool: Tool, sha256: str) -> tuple[Tool, Pin]:
    locked = (
        Tool.objects.select_for_update(of=("self",))
        .select_related("current__connection", "environment__tenant")
        .get(pk=tool.pk)
    )
    pin = Pin.objects.filter(tool=locked).first()
    if pin is None or locked.drifted_at is None:
        raise Conflict("not_drifted", f"Nothing is to be decided about {tool.name}.")
    if pin.seen_sha256 != sha256:
        raise StaleState("The upstream changed again since: look at its present description.")
    return locked, pin


def _settled(tool: Tool, pin: Pin, what: AuditAction) -> Tool:
    tool.drifted_at = None
    tool.save(update_fields=["drifted_at"])
    audit.record(
        what,
        target=Target("tool", tool.public_id, tool.current.number if tool.current else None),
        scope=tool.environment.audit_scope,
        changes={"drifted": [True, False]},
        meta={"seen_sha256": pin.seen_sha256},
    )
    return tool
