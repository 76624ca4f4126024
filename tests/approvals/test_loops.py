"""What repeats a refusal is refused; what goes round in circles waits for a person."""

from datetime import UTC, datetime, timedelta

import pytest

from approvals.findings import Ruling
from approvals.loops import LOOP, EqualCall, loop, refusal, without_progress

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def call(status="succeeded", *, outcome=None, approved=None, settled=0, code=""):
    return EqualCall(
        id=f"act_{status}",
        status=status,
        code=code,
        approved_at=None if approved is None else NOON + timedelta(minutes=approved),
        settled_at=NOON + timedelta(minutes=settled),
        outcome=outcome,
    )


@pytest.mark.parametrize("status", ["rejected", "expired"])
def test_refusal_by_people_or_their_silence_holds(status):
    assert refusal([call("denied"), call(status)]).status == status


@pytest.mark.parametrize("status", ["denied", "invalid", "canceled", "failed", "pending"])
def test_what_nobody_refused_may_be_asked_again(status):
    assert refusal([call(status)]) is None


def test_what_was_approved_and_not_executed_in_time_was_not_refused():
    assert refusal([call("expired", approved=0, settled=60)]) is None


def test_approval_of_an_equal_call_after_the_refusal_lifts_it():
    assert refusal([call("succeeded", approved=5), call("rejected", settled=3)]) is None
    assert refusal([call("succeeded", approved=2), call("rejected", settled=3)]) is not None


@pytest.mark.parametrize(
    ("outcomes", "count"),
    [
        ("", 0),
        ("a", 1),
        ("aaa", 3),
        ("aab", 2),
        ("abab", 1),
        ("a?a", 3),
        ("??", 2),
    ],
)
def test_equal_outcomes_are_no_progress_and_open_calls_bring_nothing_yet(outcomes, count):
    calls = [call(outcome=None if each == "?" else each) for each in outcomes]
    assert without_progress(calls) == count


def test_a_person_who_lets_a_loop_go_on_begins_the_count_anew():
    calls = [call(outcome="a"), call(outcome="a", code=LOOP, approved=1), *[call(outcome="a")] * 5]
    assert without_progress(calls) == 1


def test_call_that_passes_the_limit_waits_for_a_person():
    calls = [call(outcome="a")] * 4
    assert loop(calls, limit=5) is None
    found = loop([*calls, call(outcome="a")], limit=5)
    assert (found.code, found.verdict) == (LOOP, Ruling.REQUIRE_APPROVAL)
    assert "5 times" in found.detail


def test_one_loop_is_one_card():
    calls = [call("pending", code=LOOP), *[call(outcome="a")] * 5]
    found = loop(calls, limit=5)
    assert (found.code, found.verdict) == (LOOP, Ruling.DENY)
    assert "act_pending" in found.detail
