"""What goes out and what comes back, as plain data: connectors and providers speak only this.

They never see the HTTP library, so time-outs, retries and the address guard exist in one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MAX_BODY_BYTES = 1024 * 1024


class RetryClass(StrEnum):
    """How often a call may reach the other side; the values of a tool's retry class."""

    SAFE = "safe"
    IDEMPOTENT = "idempotent"
    UNSAFE = "unsafe"


@dataclass(frozen=True)
class Request:
    """One request, complete: these bytes are sent and nothing is added but framing headers.

    Headers hold secrets, so they stay out of the text form. `points` is what the call costs at a
    service that counts more than calls (the cost of a query): taken from the account's points.
    `is_strangers`: its address was chosen by nobody of ours (an agent's argument), so it goes to a
    public host at port 443 or nowhere, whatever the operator allowed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    points: float = 0.0
    is_strangers: bool = False


@dataclass(frozen=True)
class Answer:
    """What the other side answered; header names are lower case.

    `truncated` says that the body was longer than the limit and only its beginning was read,
    `is_uncertain` that an earlier try of the same call may have taken effect.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False
    retry_after: float | None = None
    is_uncertain: bool = False

    @property
    def ok(self) -> bool:
        """A 2xx status."""
        return 200 <= self.status < 300


class Sender(Protocol):
    """The only door out, as connectors and providers see it (`gateway.http.client.Client`)."""

    def send(
        self,
        request: Request,
        *,
        retry_class: RetryClass = RetryClass.UNSAFE,
        deadline_s: float | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Send, repeating only what the retry class allows; the last answer, whatever its status.

        Raises OutsideError where there is none.
        """
        ...

    def addresses(self, host: str, port: int, *, within_s: float | None = None) -> tuple[str, ...]:
        """Where to connect for a protocol that is not HTTP (a database, a mail server).

        All addresses of the name, each of them checked: connect to one of these, never to the name.
        Raises OutsideError for a host, or a port, that is not open to us, and for a name that is
        not looked up within these seconds and the time to connect.
        """
        ...
