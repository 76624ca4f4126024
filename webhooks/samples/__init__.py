"""Sample deliveries of every provider: for test events, and to show what a route would do."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import randbelow
from typing import Any

from webhooks.samples.base import Sample, fill
from webhooks.samples.code import SAMPLES as CODE
from webhooks.samples.messages import SAMPLES as MESSAGES
from webhooks.samples.trade import SAMPLES as TRADE
from webhooks.samples.work import PLAIN
from webhooks.samples.work import SAMPLES as WORK

SAMPLES: dict[str, tuple[Sample, ...]] = {**CODE, **MESSAGES, **TRADE, **WORK}


def samples_of(scheme: str) -> Sequence[Sample]:
    """What this provider sends; the plain form where nothing of its own is known."""
    return SAMPLES.get(scheme, PLAIN)


def sample_of(scheme: str, name: str) -> Sample:
    """The sample of this name, or the first."""
    found = samples_of(scheme)
    return next((sample for sample in found if sample.name == name), found[0])


def body_of(sample: Sample, *, event_id: str) -> Any:
    """The sample's body with this id, a number of its own and the present time."""
    now = time.time()
    marks = {
        "$id": event_id,
        "$n": randbelow(10**12),
        "$s": int(now),
        "$ms": int(now * 1000),
        "$iso": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
    }
    return fill(sample.body, marks)


def text_of(sample: Sample) -> str:
    """The sample as people read and change it: the marks stay."""
    return json.dumps(sample.body, indent=2, ensure_ascii=False)


__all__ = ["SAMPLES", "Sample", "body_of", "fill", "sample_of", "samples_of", "text_of"]
