"""What became of one message on its way out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sent:
    """Where it went, and its name there: empty for mails."""

    place: str = ""
    message: str = ""


class NotSent(Exception):
    """It did not leave: a stable reason, a sentence without secrets, and whether to try again.

    `retry_after` is the wait in seconds that the other side asked for.
    """

    def __init__(
        self, reason: str, detail: str, *, is_final: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.is_final = is_final
        self.retry_after = retry_after
