"""A token bucket. Pure: what is in it, and how long to wait; time is an argument.

Whoever takes more than there is owes it: the bucket goes below zero, and the next caller waits
for that, too. So callers that wait go one after the other at the service's pace.
"""

from dataclasses import dataclass

from gateway.http.limits import Rate


@dataclass(frozen=True)
class Bucket:
    """What was in it at a moment (seconds since 1970); below zero where callers wait for more."""

    tokens: float
    at: float


def level(bucket: Bucket | None, rate: Rate, now: float) -> float:
    """What is in it now; a bucket that nobody has used is full."""
    if bucket is None:
        return rate.burst
    # A clock that was set back gives nothing, and takes nothing either.
    elapsed = max(0.0, now - bucket.at)
    return min(rate.burst, bucket.tokens + elapsed * rate.per_s)


def wait_s(bucket: Bucket | None, rate: Rate, *, cost: float, now: float) -> float:
    """How long until so much is there; more than the bucket holds is there when it is full."""
    missing = min(cost, rate.burst) - level(bucket, rate, now)
    return max(0.0, missing / rate.per_s)


def take(bucket: Bucket | None, rate: Rate, *, cost: float, now: float) -> Bucket:
    """The bucket after so much was taken, whether it was there already or is waited for."""
    return Bucket(level(bucket, rate, now) - cost, now)
