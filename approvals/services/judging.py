"""Asking the rules: the facts they see, and the verdict written into the unsaved action."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from approvals import ladder
from approvals.findings import Finding, Ruling
from approvals.gate import Verdict, decide
from approvals.models import Action
from approvals.policy import engine
from approvals.requirement import Requirement
from approvals.services import binding, granted, reading, selecting, spending
from approvals.services.masking import masked_facts, shown
from approvals.services.previewing import Preview
from approvals.services.routing import routed
from approvals.services.seeing import facts_of
from approvals.services.wishes import Wish
from approvals.states import ActionStatus
from gateway.lib.clock import database_now

EXECUTE_WITHIN = timedelta(hours=24)
GRANTED = "granted"


def judge(
    action: Action, wish: Wish, preview: Preview | None, *, event_facts: dict[str, Any]
) -> None:
    """Ask the rules, add up the findings, and write the verdict into the unsaved action."""
    evaluation = None
    if wish.tool is not None and wish.is_sound:
        selection = selecting.select(action.environment, selecting.Subject.of(action))
        wish.standings = spending.look(wish, action.tags)
        seen = facts_of(action, wish, preview, event_facts=event_facts, now=timezone.now())
        evaluation = engine.evaluate(selection.rules, seen)
        wish.shadows = selecting.watch(selection, action, facts=seen, applied=evaluation)
        action.facts = masked_facts(seen, wish.arguments, wish.sensitive)
        # An error of an expression may name what it stumbled over.
        action.trace = [
            {**line, "detail": shown(action, line["detail"])} if line["detail"] else line
            for line in selection.trace_of(evaluation)
        ]
        action.policy_hash = engine.rules_hash(selection.rules)
        action.rule = evaluation.rule_name
        if wish.run and wish.tool_name in wish.run.require_approval_for:
            detail = "The run's constraints ask for a person."
            wish.findings.append(
                Finding("run", "approval_required", detail, Ruling.REQUIRE_APPROVAL)
            )
        wish.findings += spending.findings(wish)
    verdict = decide((*wish.findings, *wish.cautions), evaluation)
    if evaluation:
        led = routed(verdict.requirement, evaluation, version=action.tool_version)
        verdict = replace(verdict, requirement=led)
    _apply(action, _readable(wish, _granted(action, wish, verdict)))


def _granted(action: Action, wish: Wish, verdict: Verdict) -> Verdict:
    """The verdict where a grant stands in for the people whom policy alone asks for.

    What any other check asks of people, no grant answers; nor is it for what a person made of a
    call, or for undoing one.
    """
    wanted = verdict.requirement
    is_other = wish.is_edit or wish.undoes_id is not None
    if wanted is None or wish.findings or wish.cautions or is_other or not wish.may_use_grants:
        return verdict
    wish.grant = granted.find(action, wanted)
    if wish.grant is None:
        return verdict
    wish.asked_of_people = wanted
    reason = f"Granted by {wish.grant.made_by} ({wish.grant.public_id})"
    return Verdict(status="approved", code=GRANTED, reason=reason, hold_s=wanted.hold_s)


def _readable(wish: Wish, verdict: Verdict) -> Verdict:
    """The verdict, unless it asks a person to read more than anybody does.

    Whatever passes without people may be as long as the API takes it.
    """
    if verdict.requirement is None:
        return verdict
    found = reading.unreadable(wish.text)
    return decide([found], None) if found else verdict


def _apply(action: Action, verdict: Verdict) -> None:
    action.status, action.code = verdict.status, verdict.code
    action.reason = shown(action, verdict.reason)
    action.refusal = verdict.data
    if verdict.requirement:
        action.requirement = verdict.requirement.as_dict()
    # A hold of seconds counts by the clock that ends it; asking for it is a statement of its own.
    now = database_now() if action.status == ActionStatus.APPROVED else timezone.now()
    if action.status == ActionStatus.PENDING:
        requirement = verdict.requirement or Requirement()
        for name, value in ladder.waiting(requirement, now).items():
            setattr(action, name, value)
    elif action.status == ActionStatus.APPROVED:
        hold = timedelta(seconds=verdict.hold_s)
        action.approved_at = now
        action.due_at, action.execute_by = now + hold, now + hold + EXECUTE_WITHIN
    else:
        action.settled_at = now
    if action.status in {ActionStatus.PENDING, ActionStatus.APPROVED}:
        action.nonce = secrets.token_hex(16)
        action.digest = binding.digest_of(action)
