"""What a waiting action's columns say of time and people."""

from datetime import UTC, datetime, timedelta

from approvals import ladder
from approvals.requirement import Alternative, Requirement, Stage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = Requirement(
    reviewers=("role:reviewer",), expires_in_s=36_000, remind_at=0.5, escalate_at=0.8,
    escalate_to=("group:leads",),
)  # fmt: skip


def test_reminder_and_escalation_come_at_their_fractions_of_the_time_to_decide() -> None:
    columns = ladder.waiting(ASKED, NOW)
    assert columns["decide_by"] == NOW + 10 * HOUR
    assert columns["remind_due_at"] == NOW + 5 * HOUR
    assert columns["escalate_due_at"] == NOW + 8 * HOUR
    assert columns["reminded_at"] is None
    assert columns["escalated_at"] is None


def test_without_a_fraction_or_anybody_to_escalate_to_nothing_is_due() -> None:
    columns = ladder.waiting(Requirement(escalate_at=0.5), NOW)
    assert columns["remind_due_at"] is None
    assert columns["escalate_due_at"] is None


def test_routes_name_everybody_whom_an_alternative_names() -> None:
    asked = Requirement(
        reviewers=("group:finance", "user:Ana@example.com"),
        alternatives=(Alternative(("role:admin",), 1),),
    )
    assert ladder.routes(asked) == "|group:finance|role:admin|user:ana@example.com|"
    assert ladder.routes(Requirement()) == "|role:reviewer|"


def test_routes_of_stages_are_left_to_the_requirement() -> None:
    stages = (Stage("first", ("group:a",)), Stage("second", ("group:b",)))
    assert ladder.routes(Requirement(stages=stages)) == ""


def test_once_escalated_more_people_are_named_and_the_hash_stays() -> None:
    wider = ladder.in_force(ASKED, is_escalated=True)
    assert ladder.routes(wider) == "|group:leads|role:reviewer|"
    assert ladder.in_force(ASKED, is_escalated=False) == ASKED


def test_what_goes_on_waiting_is_neither_reminded_nor_escalated_twice() -> None:
    columns = ladder.changed(
        ASKED, now=NOW, decide_by=NOW + 10 * HOUR, reminded_at=NOW - HOUR, escalated_at=None
    )
    assert columns["remind_due_at"] is None
    assert columns["escalate_due_at"] == NOW + 8 * HOUR
    done = ladder.changed(
        ASKED, now=NOW, decide_by=NOW + HOUR, reminded_at=None, escalated_at=NOW - HOUR
    )
    assert done["remind_due_at"] == NOW + HOUR / 2
    assert done["escalate_due_at"] is None
    assert "group:leads" in done["routes"]
