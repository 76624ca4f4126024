"""What the sandbox agent does next, from its task and the answers it has. Pure, so that a restart
goes on exactly where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TICKET_ID = "TICK-10021"
CUSTOMER_ID = "CUST-77"
REFUND_AMOUNT = "120.00"


class CannotStart(Exception):
    """The task asks for a provider that is broken."""


@dataclass(frozen=True)
class Answered:
    """One tool call and what came back: a result, or an error {code, message, retryable}."""

    tool: str
    result: Any = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Wanted:
    """The next tool call."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """The end of the run: `error` where it failed, else `output`."""

    output: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None


def check(task: str) -> None:
    """Raise CannotStart for the task that rehearses a broken provider."""
    if "failing" in task.split():
        raise CannotStart("This task makes the provider fail.")


def proceed(task: str, answers: Sequence[Answered]) -> Wanted | Ended:
    """Look up the customer, open a ticket, write to them, refund; then say what was done.

    What a reviewer rejected is left out and never asked for again.
    """
    if answers and answers[0].error is not None:
        return Ended(error={"code": "customer_unknown", "message": _why(answers[0])})
    steps = (_lookup, _ticket, _email, _refund)
    if len(answers) < len(steps):
        return steps[len(answers)](task, answers)
    return Ended(output=_report(answers))


def _lookup(task: str, answers: Sequence[Answered]) -> Wanted:
    return Wanted("lookup_customer", {"customer_id": CUSTOMER_ID})


def _ticket(task: str, answers: Sequence[Answered]) -> Wanted:
    return Wanted(
        "create_support_ticket",
        {
            "customer_id": CUSTOMER_ID,
            "subject": f"Dented lid on delivery, follow-up to {TICKET_ID}",
            "priority": "low" if "low" in task.split() else "high",
            "description": "The customer sent photographs. Ask the carrier for a damage report.",
        },
    )


def _email(task: str, answers: Sequence[Answered]) -> Wanted:
    customer = _result(answers[0])
    ticket = _result(answers[1]).get("id")
    reference = f" Our reference is {ticket}." if ticket else ""
    name = customer.get("name", "customer")
    return Wanted(
        "send_email",
        {
            "to": customer.get("email", ""),
            "subject": f"Your espresso machines ({TICKET_ID})",
            "body": (
                f"Dear {name},\n\nwe are sorry that one of your espresso machines arrived with a "
                f"dented lid.{reference} We would like to refund part of its price, and you keep "
                "the machine.\n\nKind regards\nThe demo shop"
            ),
        },
    )


def _refund(task: str, answers: Sequence[Answered]) -> Wanted:
    orders = _result(answers[0]).get("orders") or [""]
    return Wanted(
        "refund",
        {
            "order_id": str(orders[0]),
            "amount": REFUND_AMOUNT,
            "currency": "EUR",
            "reason": f"Damaged on delivery, {TICKET_ID}",
        },
    )


def _report(answers: Sequence[Answered]) -> dict[str, Any]:
    done = [answer.tool for answer in answers if answer.error is None]
    refused = [answer for answer in answers if answer.error is not None]
    sentences = [f"{TICKET_ID} is dealt with. Done: {', '.join(done)}."]
    sentences += [f"Not done: {answer.tool} ({_why(answer)})." for answer in refused]
    return {
        "summary": " ".join(sentences),
        "ticket": TICKET_ID,
        "done": done,
        "not_done": [
            {"tool": answer.tool, "code": (answer.error or {}).get("code"), "reason": _why(answer)}
            for answer in refused
        ],
    }


def _why(answer: Answered) -> str:
    error = answer.error or {}
    return f"{error.get('code', 'failed')}: {error.get('message', 'no reason given')}"


def _result(answer: Answered) -> Mapping[str, Any]:
    return answer.result if isinstance(answer.result, dict) else {}
