"""What a scheme that is checked by code may bring along. Pure: nothing here goes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Documents:
    """Keys or certificates that have to be fetched before anything can be verified.

    `allows` says whether the scheme would name this address under these live keys; nothing else is
    ever fetched. `is_usable` says whether what came is such a document. `renew_after_s` is None
    for documents that never change under their address.
    """

    allows: Callable[[str, Sequence[bytes]], bool]
    is_usable: Callable[[bytes], bool]
    renew_after_s: int | None = None


class CannotSign(ValueError):
    """Nobody but the provider can sign such a delivery, or not with this body."""


class Draft(NamedTuple):
    """A test event before it is signed; `sent_at` is in seconds since 1970."""

    body: bytes
    event_id: str
    sent_at: float
    url: bytes = b""


class Signed(NamedTuple):
    """A test event as its provider would send it; `query` belongs behind the address."""

    headers: dict[str, str]
    body: bytes
    query: str = ""


# The address that has to be visited once so that a verified delivery's sender goes on sending;
# empty where the delivery asks for nothing.
Confirm = Callable[[bytes], str]
