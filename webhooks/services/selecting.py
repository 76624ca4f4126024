"""Which events somebody means: the same filters for lists, for replaying many and for commands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from webhooks.models import Source


@dataclass(frozen=True)
class Which:
    """What narrows the events; what is empty does not."""

    status: str = ""
    source: Source | None = None
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows them."""
        return self == Which()


def select(events: QuerySet[Any], which: Which) -> QuerySet[Any]:
    """Those of the events that are meant; `since` counts in, `until` does not."""
    wanted: dict[str, Any] = {
        "status": which.status,
        "source": which.source,
        "event_type": which.type,
        "received_at__gte": which.since,
        "received_at__lt": which.until,
    }
    return events.filter(**{name: value for name, value in wanted.items() if value})
