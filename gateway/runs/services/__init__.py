"""Every write of runs, their timeline and the reports owed to providers."""

from gateway.runs.services.beginning import FELL_BACK, begin, why_waiting
from gateway.runs.services.ending import cancel, retry, tell_provider_to_cancel
from gateway.runs.services.fetching import fetch
from gateway.runs.services.following import action_changed, run_changed
from gateway.runs.services.rating import rate
from gateway.runs.services.reporting import report_run
from gateway.runs.services.starting import start, started_for
from gateway.runs.services.sweeping import sweep
from gateway.runs.services.updating import RunNotReady, apply_update, context_of

__all__ = [
    "FELL_BACK",
    "RunNotReady",
    "action_changed",
    "apply_update",
    "begin",
    "cancel",
    "context_of",
    "fetch",
    "rate",
    "report_run",
    "retry",
    "run_changed",
    "start",
    "started_for",
    "sweep",
    "tell_provider_to_cancel",
    "why_waiting",
]
