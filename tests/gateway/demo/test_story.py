"""The sandbox agent's story, step by step."""

from typing import Any

import pytest

from gateway.demo.story import Answered, CannotStart, Ended, Wanted, check, proceed

CUSTOMER = {"name": "Mara Lindqvist", "email": "mara@example.com", "orders": ["ORD-1043"]}
LOOKED_UP = Answered("lookup_customer", CUSTOMER)
REJECTED = {"code": "rejected", "message": "Too much money.", "retryable": False}


def wanted(task: str, *answers: Answered) -> Wanted:
    step = proceed(task, answers)
    assert isinstance(step, Wanted)
    return step


def ended(*answers: Answered) -> Ended:
    step = proceed("support_reply", answers)
    assert isinstance(step, Ended)
    return step


def test_it_looks_up_the_customer_first() -> None:
    step = wanted("support_reply")
    assert (step.tool, step.arguments) == ("lookup_customer", {"customer_id": "CUST-77"})


@pytest.mark.parametrize(
    ("task", "priority"),
    [("support_reply", "high"), ("support_reply low", "low"), ("anything else", "high")],
)
def test_the_task_chooses_the_ticket_s_priority(task: str, priority: str) -> None:
    step = wanted(task, LOOKED_UP)
    assert (step.tool, step.arguments["priority"]) == ("create_support_ticket", priority)


def test_the_mail_names_the_customer_and_the_ticket_that_was_opened() -> None:
    step = wanted("t", LOOKED_UP, Answered("create_support_ticket", {"id": "TICK-10022"}))
    assert (step.tool, step.arguments["to"]) == ("send_email", "mara@example.com")
    assert "Dear Mara Lindqvist" in step.arguments["body"]
    assert "TICK-10022" in step.arguments["body"]


def test_the_mail_names_no_ticket_that_was_rejected() -> None:
    step = wanted("t", LOOKED_UP, Answered("create_support_ticket", error=REJECTED))
    assert "reference" not in step.arguments["body"]


def test_the_refund_is_for_the_customer_s_order() -> None:
    step = wanted("t", LOOKED_UP, Answered("create_support_ticket"), Answered("send_email"))
    assert (step.tool, step.arguments["order_id"]) == ("refund", "ORD-1043")
    assert (step.arguments["amount"], step.arguments["currency"]) == ("120.00", "EUR")


def test_the_output_says_what_was_done() -> None:
    tools = ("create_support_ticket", "send_email", "refund")
    end = ended(LOOKED_UP, *(Answered(tool, {}) for tool in tools))
    assert end.output["done"] == ["lookup_customer", *tools]
    assert end.output["not_done"] == []


def test_a_rejection_is_told_with_its_reason_and_never_asked_again() -> None:
    answers = (
        LOOKED_UP,
        Answered("create_support_ticket", {"id": "T"}),
        Answered("send_email", {}),
        Answered("refund", error=REJECTED),
    )
    end = ended(*answers)
    assert "Not done: refund (rejected: Too much money.)" in end.output["summary"]
    assert end.output["not_done"] == [
        {"tool": "refund", "code": "rejected", "reason": "rejected: Too much money."}
    ]
    assert "refund" not in end.output["done"]


def test_without_the_customer_the_run_fails() -> None:
    end = ended(Answered("lookup_customer", error={"code": "failed", "message": "gone"}))
    assert end.error == {"code": "customer_unknown", "message": "failed: gone"}


@pytest.mark.parametrize("result", [None, "text", [], {"orders": None}, {"orders": []}, 7])
def test_results_of_an_odd_shape_do_not_stop_it(result: Any) -> None:
    odd = (Answered("lookup_customer", result), Answered("create_support_ticket", result))
    assert wanted("t", *odd).tool == "send_email"
    assert wanted("t", *odd, Answered("send_email", result)).tool == "refund"


def test_a_failing_task_cannot_start() -> None:
    check("support_reply")
    with pytest.raises(CannotStart):
        check("support_reply failing")
