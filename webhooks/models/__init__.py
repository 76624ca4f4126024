"""What this app stores: sources, events, and what receiving needs beside them."""

from webhooks.models.events import (
    ID_LENGTH,
    SHA256_HEX_LENGTH,
    TYPE_LENGTH,
    Event,
    EventOrder,
)
from webhooks.models.sources import (
    ADDRESS_LENGTH,
    Effect,
    Route,
    Secret,
    Source,
    new_verify_token,
    scheme_choices,
)
from webhooks.models.upkeep import Document, Refusal

__all__ = [
    "ADDRESS_LENGTH",
    "ID_LENGTH",
    "SHA256_HEX_LENGTH",
    "TYPE_LENGTH",
    "Document",
    "Effect",
    "Event",
    "EventOrder",
    "Refusal",
    "Route",
    "Secret",
    "Source",
    "new_verify_token",
    "scheme_choices",
]
