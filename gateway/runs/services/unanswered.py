"""Starts that a provider may have carried out without having said so."""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from gateway.agents.models import Provider
from gateway.lib.prepared import Prepared
from gateway.runs.models import Run, RunEvent
from gateway.runs.states import RunStatus
from gateway.tenants.models import Environment

NOT_STARTED, MAY_RUN = "run.start_failed", "may_run"
# An event of an unknown run waits so long for the answer to a start: twice the longest pause
# between two tries.
HELD_FOR = timedelta(minutes=10)
# So far apart the clock of the entrance and that of whoever queued the run may be.
CLOCKS_APART = timedelta(seconds=10)
CALLED_OFF_WITHIN = timedelta(minutes=2)
_LINES = RunEvent.objects.filter(run=OuterRef("pk"), kind=NOT_STARTED).order_by()
_TOLD = Coalesce(Subquery(_LINES.values("run").annotate(told=Count("pk")).values("told")), 0)
_KINDS = {
    "environment": Environment._meta.pk,
    "provider": Provider._meta.pk,
    "until": Run._meta.get_field("created_at"),
}
_UNANSWERED = Prepared(
    lambda environment, provider, until: (
        # The index of states begins with the environment.
        Run.objects.within(environment)
        .filter(provider=provider, status=RunStatus.QUEUED, attempts__gt=0, created_at__lte=until)
        # An attempt without a line of its own is under way, or its worker died.
        .filter(Q(attempts__gt=_TOLD) | Exists(_LINES.filter(data__may_run=True)))
        .only("pk")
        .order_by()[:1]
    ),
    **_KINDS,
)
# Those called off while the provider was being asked; their answer comes within their lease.
_CALLED_OFF = Prepared(
    lambda environment, provider, until: (
        Run.objects.within(environment)
        .filter(provider=provider, status=RunStatus.CANCELED, provider_run_id=None)
        # The time of the end is indexed; a lease is shorter than this.
        .filter(finished_at__gt=Now() - CALLED_OFF_WITHIN, lease_until__gt=Now())
        .filter(created_at__lte=until)
        .only("pk")
        .order_by()[:1]
    ),
    **_KINDS,
)


def may_be_of_one(provider: Provider, received_at: datetime) -> bool:
    """Whether what arrived then, about a run that nobody knows, may be about one of these.

    No start speaks before it is wanted, so later ones do not count; and none is waited for longer
    than `HELD_FOR`, or what a provider began by itself would never be heard while it has troubles.
    """
    if received_at < timezone.now() - HELD_FOR:
        return False
    sought = {
        "environment": provider.environment_id,
        "provider": provider.pk,
        "until": received_at + CLOCKS_APART,
    }
    return bool(_UNANSWERED(**sought) or _CALLED_OFF(**sought))


def may_have_begun(run: Run, failures: list[RunEvent]) -> bool:
    """Whether the provider may have begun the run, by the lines of its failed starts."""
    return len(failures) < run.attempts or any(line.data.get(MAY_RUN) for line in failures)
