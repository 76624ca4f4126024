"""Figures of reviewers."""

from approvals.signals import Cast, signals


def test_figures_of_each_reviewer_whoever_decided_most_first() -> None:
    ana = [Cast("ana", True, 2.0), Cast("ana", True, 9.0), Cast("ana", False, None)]
    first, second = signals([Cast("rui", False, 3.0), *ana])
    assert (first.user_id, first.decided, first.approved, first.rejected) == ("ana", 3, 2, 1)
    assert (first.median_dwell_s, first.quick, first.unopened) == (5.5, 1, 1)
    assert round(first.approval_rate, 3) == 0.667
    assert (second.quick, second.quick_share) == (0, 0.0)


def test_who_opened_no_card_has_no_median() -> None:
    (line,) = signals([Cast("ana", True, None)])
    assert line.median_dwell_s is None
    assert line.unopened == 1
    assert signals([]) == []
