"""The one error of outbound calls: what went wrong, and whether something may have happened."""

# Reasons that only say "later": nothing was done, and asking again is no further attempt.
NOT_OUR_TURN = frozenset({"rate_limited", "circuit_open"})


class OutsideError(Exception):
    """An outbound call gave no usable answer.

    `reason` is a stable code (metric label, audit field), `detail` a sentence for people without
    secrets. `permanent`: repeating the same call cannot help. `may_have_happened`: bytes of the
    request had left this machine, so the other side may have acted. `status` is the HTTP status
    where one was read, `retry_after` the wait in seconds that the other side asked for.
    """

    def __init__(  # the order is the shared interface
        self,
        reason: str,
        permanent: bool,
        may_have_happened: bool,
        status: int | None = None,
        retry_after: float | None = None,
        *,
        detail: str = "",
    ) -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.permanent = permanent
        self.may_have_happened = may_have_happened
        self.status = status
        self.retry_after = retry_after
        self.detail = detail or reason
