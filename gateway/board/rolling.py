"""Counting each hour once, when it is over: the dashboard then reads rows instead of actions.

Nothing depends on it being in time: what is not counted yet is counted by whoever asks.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from approvals.models import Action
from gateway.board.counting import HOUR, count, hour_of
from gateway.board.models import Hour, Reached
from gateway.runs.models import Run

NAME = "hours"
# What was written in the last second of an hour is committed by then.
GRACE = timedelta(minutes=10)
# Of a long backlog; the next job goes on.
HOURS_AT_ONCE = 200


def reached() -> datetime | None:
    """Up to when every hour is counted; None before the first."""
    row = Reached.objects.filter(name=NAME).first()
    return row.until if row else None


def roll_up(*, now: datetime | None = None) -> int:
    """Count the hours that are over and not counted yet; how many that were.

    Repeating it, or doing it twice at once, changes nothing: an hour's figures do not change.
    """
    end = hour_of((now or timezone.now()) - GRACE)
    start = reached() or _first()
    done = 0
    while start is not None and start < end and done < HOURS_AT_ONCE:
        _count_hour(start)
        start += HOUR
        done += 1
    return done


@transaction.atomic
def _count_hour(start: datetime) -> None:
    for (environment, hour), figures in count(start, start + HOUR).items():
        Hour.objects.update_or_create(
            environment_id=environment, hour=hour,
            defaults={"figures": figures, "is_sample": False},
        )  # fmt: skip
    Reached.objects.update_or_create(name=NAME, defaults={"until": start + HOUR})


def _first() -> datetime | None:
    """The hour of the oldest action or run."""
    oldest = [
        row.created_at for model in (Action, Run) if (row := model.objects.order_by("pk").first())
    ]
    return hour_of(min(oldest)) if oldest else None
