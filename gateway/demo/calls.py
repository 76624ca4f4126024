"""One HTTP call as the demo's shop and agent see it, and their way to say no."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.demo.store import Documents


class Refusal(Exception):
    """An answer other than 2xx, with a code for machines and a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": code, "message": message}


@dataclass(frozen=True)
class Call:
    """What a handler gets: parameters of the path and query, the body, the idempotency key."""

    documents: Documents
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    key: str

    def text(self, name: str) -> str:
        """A text of the body that is not empty; raises Refusal."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value.strip():
            raise Refusal(422, "invalid", f"{name} is missing or not a text.")
        return value


Reply = tuple[int, dict[str, Any]]
Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method and path with its handler; `once` makes equal idempotency keys one effect."""

    method: str
    path: re.Pattern[str]
    handler: Handler
    once: bool = False
    is_open: bool = False


def route(
    method: str, path: str, handler: Handler, *, once: bool = False, is_open: bool = False
) -> Route:
    """A route whose `{name}` parts match one path segment; `is_open` asks for no key."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(pattern), handler, once, is_open)
