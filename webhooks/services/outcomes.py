"""How the processing of one event may end."""

import uuid
from dataclasses import dataclass


class Hopeless(Exception):
    """The event cannot be processed as it is; repeating cannot help."""


class Later(Exception):
    """The event cannot be processed now; `after_s` is the wait that somebody asked for."""

    def __init__(self, reason: str, *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True)
class Done:
    """What became of an event. Without effect it was only recorded, or had no meaning."""

    route: str
    event_type: str
    had_effect: bool = False
    is_meaningless: bool = False
    run_id: uuid.UUID | None = None
