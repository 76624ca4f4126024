"""What the tables of an app hold, said once: beside the models, read by whatever removes or shows.

Each app's `retention.py` declares all of its models in these words. Pruning, erasure, exports about
a person and docs/privacy.md follow the declarations; a test sees that no model is without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

EVERYTHING = Q()
FOR_EVER = "for ever"


@dataclass(frozen=True)
class Kept:
    """What the rows of one model hold, who sees it, how long it stays, and how it goes.

    `personal` are the fields that may speak of a person, each with what stands there afterwards.
    `tenant` leads to the tenant. Rows that do not meet `closed` are still needed: nothing of them
    goes. `days` names the setting of how long they stay after `since`, a column; without one they
    stay as `stays` says. What `deletes` goes as a row; the rest leaves its row as a tombstone.
    `within` leads to a row with which this one is erased, and `writer` to the person who wrote it:
    that person is told of it, and once their account is erased nothing leads back to them.
    """

    model: str
    holds: str
    seen_by: str
    personal: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = ""
    closed: Q = EVERYTHING
    days: str = ""
    since: str = ""
    stays: str = FOR_EVER
    deletes: bool = False
    within: str = ""
    writer: str = ""
