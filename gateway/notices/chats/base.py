"""What a person does in a chat and what they are answered, whichever chat it is. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_REASON = 1000
CODE_LENGTH = 40


class Did(StrEnum):
    """What somebody did."""

    HELLO = "hello"
    # Asks for the question whether they are sure, where a chat's button cannot ask by itself.
    ASK = "ask"
    APPROVE = "approve"
    REJECT = "reject"
    REASON = "reason"
    CODE = "code"
    NOTHING = "nothing"


class Says(StrEnum):
    """What they are answered."""

    NOTHING = "nothing"
    HELLO = "hello"
    TELL = "tell"
    WRONG = "wrong"
    ASK_SURE = "ask_sure"
    ASK_REASON = "ask_reason"
    ASK_CODE = "ask_code"


@dataclass(frozen=True)
class Press:
    """One press of a button, or one form sent, as the chat's signed request tells it.

    `place` and `message` say where the button stands; both are empty for a form and for a button of
    an answer that only one person sees. `trigger` lets a form be opened, for some seconds.
    """

    did: Did
    account: str = ""
    workspace: str = ""
    name: str = ""
    notice: str = ""
    text: str = ""
    place: str = ""
    message: str = ""
    trigger: str = ""


@dataclass(frozen=True)
class Reply:
    """What only the person who pressed sees."""

    says: Says
    text: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Call:
    """One call of the chat's API: a path below its base, and a JSON body."""

    method: str
    path: str
    body: Mapping[str, Any]


QUIET = Reply(Says.NOTHING)


class Unreadable(ValueError):
    """A genuine request that is none of those a chat sends for a press."""
