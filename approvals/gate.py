"""From what the checks found and what policy says to one verdict with reasons (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from approvals.findings import Finding, Ruling
from approvals.loops import LOOP
from approvals.policy.engine import Evaluation
from approvals.requirement import Requirement

__all__ = ["Finding", "Ruling", "Status", "Verdict", "decide"]

Status = Literal["invalid", "denied", "approved", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of an action now, and why.

    `requirement` is set for pending actions only; `hold_s` is how long an approved one rests
    before it runs; `reasons` holds every finding that counted, the deciding one first.
    """

    status: Status
    code: str
    reason: str
    requirement: Requirement | None = None
    hold_s: int = 0
    reasons: tuple[Finding, ...] = ()

    @property
    def data(self) -> dict[str, Any] | None:
        """What a machine may read of a refusal; None where nothing is refused."""
        if self.status not in ("invalid", "denied") or not self.reasons:
            return None
        found = self.reasons[0].data
        return dict(found) if found is not None else None


def decide(findings: Iterable[Finding], evaluation: Evaluation | None) -> Verdict:
    """The strictest of all that was said: invalid, denied, pending, approved.

    A finding can tighten what policy says and never loosen it. `evaluation` may be missing only
    where a finding already ends the matter; else raises ValueError, because no policy is no
    permission.
    """
    found = list(findings)
    for ruling, status in ((Ruling.INVALID, "invalid"), (Ruling.DENY, "denied")):
        if ending := [finding for finding in found if finding.verdict is ruling]:
            first = ending[0]
            return Verdict(
                status=status,  # type: ignore[arg-type]
                code=first.code,
                reason=first.detail,
                reasons=tuple(ending),
            )
    if evaluation is None:
        raise ValueError("an action that no check refuses needs an evaluation of policy")
    asking = [finding for finding in found if finding.verdict is Ruling.REQUIRE_APPROVAL]
    return _by_policy(evaluation, asking)


def _by_policy(evaluation: Evaluation, asking: list[Finding]) -> Verdict:
    said = Finding("policy", f"policy_{evaluation.verdict}", evaluation.reason, evaluation.verdict)
    if evaluation.verdict is Ruling.ALLOW:
        return _tightened(evaluation, asking, said) if asking else _approved(evaluation, said)
    if evaluation.verdict is Ruling.REQUIRE_APPROVAL and evaluation.requirement is not None:
        requirement = evaluation.requirement
        if asking:
            words = [evaluation.reason, *(finding.detail for finding in asking)]
            requirement = replace(requirement, reason="; ".join(words))
        # By this code the run and the desk know that a loop waits here, whatever else asks.
        code = LOOP if any(finding.code == LOOP for finding in asking) else said.code
        return _pending(requirement, (said, *asking), code=code)
    return Verdict(status="denied", code="policy_deny", reason=evaluation.reason, reasons=(said,))


def _approved(evaluation: Evaluation, said: Finding) -> Verdict:
    return Verdict(
        status="approved",
        code=said.code,
        reason=evaluation.reason,
        hold_s=evaluation.hold_s,
        reasons=(said,),
    )


def _tightened(evaluation: Evaluation, asking: list[Finding], said: Finding) -> Verdict:
    reason = "; ".join(finding.detail for finding in asking)
    requirement = replace(evaluation.floor, reason=reason, hold_s=evaluation.hold_s)
    code = LOOP if any(finding.code == LOOP for finding in asking) else asking[0].code
    return _pending(requirement, (*asking, said), code=code)


def _pending(requirement: Requirement, reasons: tuple[Finding, ...], *, code: str) -> Verdict:
    return Verdict(
        status="pending",
        code=code,
        reason=requirement.reason,
        requirement=requirement,
        hold_s=requirement.hold_s,
        reasons=reasons,
    )
