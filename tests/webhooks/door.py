"""The door out, closed: it notes where somebody wanted to go and answers what the test says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request

Reply = Answer | OutsideError | Callable[[], Answer]
NOTHING = OutsideError("connect", False, False, detail="No connection could be made.")
BROKEN = OutsideError("network", False, True, detail="The connection broke.")


@dataclass
class Door:
    """Answers by address; what stands nowhere is 404."""

    replies: Mapping[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def send(self, request: Request, **_: Any) -> Answer:
        """As the real one, without going anywhere."""
        assert (request.method, request.body) == ("GET", None)
        self.asked.append(request.url)
        reply = self.replies.get(request.url, Answer(404))
        if isinstance(reply, OutsideError):
            raise reply
        return reply if isinstance(reply, Answer) else reply()

    def open(self, **_: Any) -> Any:
        """In the place of `gateway.http.door.door`."""

        @contextmanager
        def opened() -> Iterator[Door]:
            yield self

        return opened()
