"""How the reviewers decide, in figures, for admins: every number leads to what it counts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render

from approvals import services
from approvals.forms.care import PeriodForm
from approvals.signals import QUICK_S, Signals
from approvals.views.rows import place
from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.models import User

CSV_HEADER = (
    "reviewer", "decided", "approved", "rejected", "approval_rate", "median_seconds",
    "under_3_seconds", "without_opening",
)  # fmt: skip


@dataclass(frozen=True)
class Reviewer:
    """One line: a person, the figures, and the address of the list behind a number."""

    user: User
    figures: Signals
    list_url: str

    @property
    def rate(self) -> str:
        """The approved share in percent."""
        return f"{self.figures.approval_rate:.0%}"

    @property
    def quick_share(self) -> str:
        """The share decided within seconds of opening, in percent."""
        return f"{self.figures.quick_share:.0%}"

    @property
    def dwell(self) -> timedelta | None:
        """The median time from opening the card to deciding."""
        seconds = self.figures.median_dwell_s
        return None if seconds is None else timedelta(seconds=seconds)


@page("approvals.view_reviewers")
def reviewers(request: Any) -> HttpResponse:
    """Everybody who decided in the period."""
    asked = PeriodForm(request.GET)
    days = asked.chosen
    form = PeriodForm({"days": days})
    found = services.reviewer_signals(request.environment, days=days)
    if request.GET.get("format") == "csv":
        return csv_answer(request, "reviewers", header=CSV_HEADER, rows=map(_cells, found))
    page_obj = paged(request, found)
    listed = place(request, "approvals:list")
    rows = [
        Reviewer(user, figures, _address(listed, user, days=days))
        for user, figures in page_obj.object_list
    ]
    context = {
        "page_obj": page_obj,
        "rows": rows,
        "days": days,
        "filters": [form["days"]],
        "quick_s": int(QUICK_S),
    }
    return render(request, "approvals/reviewers.html", context)


def _address(listed: str, user: User, *, days: int) -> str:
    return f"{listed}?{urlencode({'decider': user.public_id, 'voted_days': days})}"


def _cells(found: tuple[User, Signals]) -> tuple[object, ...]:
    user, line = found
    dwell = "" if line.median_dwell_s is None else f"{line.median_dwell_s:.1f}"
    share = f"{line.approval_rate:.3f}"
    counts = (user.email, line.decided, line.approved, line.rejected)
    return (*counts, share, dwell, line.quick, line.unopened)
