"""What the gate's pure part costs a call, beside the same rules written in plain Python.

Schema, scope, loop, what is sensitive, a policy of 50 rules of which the last one matches, digest:
everything but the database and the preview.
"""

import datetime as dt
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals import loops, sensitive
from approvals.digest import DigestParts, action_digest
from approvals.gate import decide
from approvals.loops import EqualCall
from approvals.policy import engine, facts
from approvals.policy.rules import PolicyRule
from audit.canonical import canonical
from gateway.lib.cel import compile_expression
from gateway.tools import schema

GATE = "gate"
RULES = 50
ROUNDS = 400
GOAL_MS = 0.5
SCOPE = 'args.currency == "EUR" && args.amount < 1000000'
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order_id", "amount", "currency"],
    "properties": {
        "order_id": {"type": "string", "pattern": "^ord_[0-9]+$", "maxLength": 40},
        "amount": {"type": "integer", "minimum": 1},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "reason": {"type": "string", "maxLength": 400},
        "customer": {"type": "string", "maxLength": 80},
    },
}
ARGUMENTS = {
    "order_id": "ord_29384",
    "amount": 12050,
    "currency": "EUR",
    "reason": "The parcel came late and was opened",
    "customer": "cus_817",
}
NOW = dt.datetime(2026, 11, 26, 10, 30, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Cost:
    """Medians in milliseconds: the gate, and its rules alone in CEL and in plain Python."""

    gate_ms: float
    rules_ms: float
    plain_ms: float

    def lines(self) -> list[str]:
        """What is printed."""
        verdict = "reached" if self.gate_ms <= GOAL_MS else "not reached"
        return [
            f"gate, pure part, {RULES} rules: {self.gate_ms:.3f} ms median "
            f"(goal {GOAL_MS} ms: {verdict})",
            f"  of this the rules: {self.rules_ms:.3f} ms; in plain Python: {self.plain_ms:.3f} ms",
        ]


def measure() -> Cost:
    """Each part alone, many times over, in this process."""
    raw = [_rule(number) for number in range(RULES - 1)]
    raw.append({"name": "refunds", "when": "args.amount > 10000", "verdict": "require_approval"})
    rules = engine.load_rules("pol_bench", raw)
    plain = [_plain(number) for number in range(RULES - 1)] + [
        lambda f: f["args"]["amount"] > 10000
    ]
    seen = _facts()
    return Cost(
        gate_ms=_median_ms(lambda: pure_part(rules)),
        rules_ms=_median_ms(lambda: engine.evaluate(rules, seen)),
        plain_ms=_median_ms(lambda: next(i for i, rule in enumerate(plain) if rule(seen))),
    )


def pure_part(rules: tuple[PolicyRule, ...]) -> str:
    """One call through everything that needs no database; its digest."""
    if schema.problems(SCHEMA, ARGUMENTS):
        raise ValueError("the example does not fit its schema")
    compile_expression(SCOPE, ("args",)).evaluate({"args": ARGUMENTS})
    earlier = [EqualCall(id=f"act_{n}", status="succeeded", outcome=str(n)) for n in range(5)]
    found = loops.refusal(earlier) or loops.loop(earlier, limit=5)
    if found is not None:
        raise ValueError("the example is no loop")
    verdict = decide((), engine.evaluate(rules, _facts()))
    return action_digest(_parts(verdict.status))


def _facts() -> Mapping[str, Any]:
    held = sensitive.fact(sensitive.find({"args": ARGUMENTS}), preview="none")
    return facts.build(
        args=ARGUMENTS,
        tool={"name": "refund", "side_effect": "write", "risk": "high", "version": 3},
        agent={"slug": "support", "id": "agt_1", "version": 1, "owner": "", "caps": {}},
        env={"tenant": "shop", "slug": "production", "kind": "production", "region": "eu"},
        now=NOW, time_zone="Europe/Berlin", sensitive=held,
        history={"calls_1h": 3, "calls_24h": 20, "is_first_use": False},
    )  # fmt: skip


def _parts(status: str) -> DigestParts:
    request = {
        "method": "POST", "url": "https://shop.example/v1/refunds",
        "headers": {"content-type": "application/json"}, "body": canonical(ARGUMENTS).decode(),
    }  # fmt: skip
    return DigestParts(
        action_id="act_1", version=1, tenant="ten_1", environment="env_1", run=None,
        requester="agent:agt_1", tool="tol_1", definition_hash="0" * 64, rendered_request=request,
        connection="con_1", connection_revision=1, target=("order:ord_29384",),
        before_hash="0" * 64, risk="high", requirement_hash="0" * 64, nonce=status,
    )  # fmt: skip


def _rule(number: int) -> dict[str, Any]:
    when = (
        f'tool.name == "tool_{number}" && args.amount > {number} '
        f'&& time.hour >= {number % 24} && !("card_number" in sensitive.kinds)'
    )
    return {"name": f"rule {number}", "when": when, "verdict": "deny"}


def _plain(number: int) -> Callable[[Mapping[str, Any]], bool]:
    def matches(seen: Mapping[str, Any]) -> bool:
        return (
            seen["tool"]["name"] == f"tool_{number}"
            and seen["args"]["amount"] > number
            and seen["time"]["hour"] >= number % 24
            and "card_number" not in seen["sensitive"]["kinds"]
        )

    return matches


def _median_ms(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)
