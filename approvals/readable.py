"""Whether a person can read what they would have to decide (pure)."""

from approvals.findings import Finding, Ruling

TOO_LARGE = "too_large_to_review"


def too_large(size: int, *, most: int) -> Finding | None:
    """The refusal of a call that a person would have to read; None for one short enough.

    `size` is that of its canonical arguments and `most` what may be asked of a reader, in bytes;
    0 is no limit.
    """
    if not most or size <= most:
        return None
    detail = (
        f"A person would have to read all {size:,} bytes of its arguments, and at most {most:,} "
        "are put before one. Divide the call, or let a rule allow or deny calls like it."
    )
    data = {"bytes": size, "limit": most}
    return Finding("size", TOO_LARGE, detail, Ruling.DENY, data)
