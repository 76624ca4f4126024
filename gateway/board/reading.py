"""Reading the figures of a range: counted hours from their rows, the rest counted now."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.board import rolling
from gateway.board.counting import count, hour_of
from gateway.board.figures import Figures, merged
from gateway.board.models import Hour
from gateway.tenants.models import Environment

# How many hours or days each range shows, and whether it is by the hour.
RANGES = {"24h": (24, True), "7d": (7, False), "30d": (30, False), "90d": (90, False)}
DEFAULT = "7d"


@dataclass(frozen=True)
class Period:
    """A range that ends now: whole hours, or whole days in the tenant's zone, today among them."""

    key: str
    start: datetime
    now: datetime
    zone: ZoneInfo

    @property
    def by_hour(self) -> bool:
        """Whether a column of a chart is an hour."""
        return RANGES[self.key][1]

    @property
    def days(self) -> int:
        """How many days lists that only know days should show."""
        return 1 if self.by_hour else RANGES[self.key][0]

    def slots(self) -> list[datetime]:
        """The beginning of every column, in the tenant's zone."""
        first = self.start.astimezone(self.zone)
        if self.by_hour:
            return [
                (self.start + timedelta(hours=at)).astimezone(self.zone)
                for at in range(RANGES[self.key][0])
            ]
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        return [midnight + timedelta(days=at) for at in range(RANGES[self.key][0])]

    def end_of(self, slot: datetime) -> datetime:
        """The moment at which a column ends; a day may have 23 or 25 hours."""
        if self.by_hour:
            return (slot.astimezone(self.now.tzinfo) + timedelta(hours=1)).astimezone(self.zone)
        return slot + timedelta(days=1)

    def slot_of(self, hour: datetime) -> datetime:
        """The column that an hour belongs to."""
        local = hour.astimezone(self.zone)
        return local if self.by_hour else local.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Read:
    """Figures by column, all together, and whether some of them are the demo's samples."""

    by_slot: list[tuple[datetime, Figures]]
    all: Figures
    has_samples: bool


def period(key: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The range of this name; an unknown one is DEFAULT."""
    key = key if key in RANGES else DEFAULT
    length, by_hour = RANGES[key]
    if by_hour:
        return Period(key, hour_of(now) - timedelta(hours=length - 1), now, zone)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    start = hour_of((midnight - timedelta(days=length - 1)).astimezone(now.tzinfo))
    return Period(key, start, now, zone)


def read(environment: Environment, asked: Period) -> Read:
    """What happened in the range: two queries, and five more for what is not counted yet."""
    rows = list(Hour.objects.within(environment).filter(hour__gte=asked.start))
    until = rolling.reached() or asked.start
    # What was counted, or made up, lies before `until`; a sample of a later hour gives way.
    kept = [row for row in rows if row.hour < until or row.is_sample]
    live = count(max(asked.start, until), asked.now, environment=environment)
    fresh = {hour: figures for (_, hour), figures in live.items()}
    by_slot: dict[datetime, list[Figures]] = defaultdict(list)
    for row in kept:
        if row.hour not in fresh:
            by_slot[asked.slot_of(row.hour)].append(row.figures)
    for hour, figures in fresh.items():
        by_slot[asked.slot_of(hour)].append(figures)
    slots = [(slot, merged(by_slot.get(slot, []))) for slot in asked.slots()]
    everything = merged(figures for _, figures in slots)
    return Read(slots, everything, any(row.is_sample for row in kept))
