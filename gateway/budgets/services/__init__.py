"""Every write of budgets and of what is counted against them."""

from gateway.budgets.scopes import Subjects
from gateway.budgets.services.alerting import refused, sweep
from gateway.budgets.services.managing import archive, change, create
from gateway.budgets.services.reading import alerts, counters_of, present, uses, with_fullest
from gateway.budgets.services.standings import (
    CAP,
    EXCEEDED,
    TOO_FAST,
    UNREADABLE,
    Exceeded,
    Standing,
    as_facts,
    look,
    refusal,
    short_of,
)
from gateway.budgets.services.taking import add_reported, release, reserve, settle

__all__ = [
    "CAP",
    "EXCEEDED",
    "TOO_FAST",
    "UNREADABLE",
    "Exceeded",
    "Standing",
    "Subjects",
    "add_reported",
    "alerts",
    "archive",
    "as_facts",
    "change",
    "counters_of",
    "create",
    "look",
    "present",
    "refusal",
    "refused",
    "release",
    "reserve",
    "settle",
    "short_of",
    "sweep",
    "uses",
    "with_fullest",
]
