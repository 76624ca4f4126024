"""Where a value of a delivery stands, and of which pieces signed bytes are made: the notation."""

import re
from enum import StrEnum
from typing import NamedTuple


class Where(StrEnum):
    """Where a value of a delivery is found."""

    HEADER = "header"
    # A member of the signature header, such as the `t` of `t=…,v1=…`.
    FIELD = "field"
    BODY = "body"
    QUERY = "query"


class Place(NamedTuple):
    """A header's lower-case name, a field's name, or the dotted path of a member of the body."""

    where: Where
    name: str

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read `header:x-github-event`; raises ValueError for anything else."""
        where, separator, name = text.partition(":")
        if not separator or not name:
            raise ValueError(f"{text!r} is no place: write header:name, field:name or body:a.b.")
        kind = Where(where)
        return cls(kind, name.lower() if kind is Where.HEADER else name)


class Part(StrEnum):
    """A piece of the signed bytes that differs from delivery to delivery."""

    BODY = "body"
    TIMESTAMP = "timestamp"
    ID = "id"
    URL = "url"
    METHOD = "method"


PIECES = re.compile(r"\{([^{}]*)\}")


def pieces_of(template: str) -> tuple[bytes | Part | Place, ...]:
    """`{timestamp}.{body}` as its parts and the bytes between; raises ValueError for others."""
    pieces: list[bytes | Part | Place] = []
    for index, text in enumerate(PIECES.split(template)):
        if index % 2 == 0:
            if text:
                pieces.append(text.encode())
        elif text.startswith("header:"):
            pieces.append(Place.parse(text))
        else:
            pieces.append(Part(text))
    return tuple(pieces)


def is_in_body(place: Place) -> bool:
    """Whether the value stands in the body."""
    return place.where is Where.BODY


def is_header(place: Place) -> bool:
    """Whether the value stands in a header of its own."""
    return place.where is Where.HEADER
