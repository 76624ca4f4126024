"""Every write of tools, their versions and what they were imported from."""

from gateway.tools.services.compensating import as_undo
from gateway.tools.services.defining import definition_of, save
from gateway.tools.services.drifting import accept_drift, keep_pinned, proposal_of
from gateway.tools.services.importing import Reading, import_tools, read_document
from gateway.tools.services.offering import (
    Offer,
    listed_operations,
    offer,
    offers,
    operations_written_into,
    with_offer,
)
from gateway.tools.services.promoting import bind
from gateway.tools.services.reading import enabled, is_waiting, missing_blocks
from gateway.tools.services.switching import archive, restore, switch

__all__ = [
    "Offer",
    "Reading",
    "accept_drift",
    "archive",
    "as_undo",
    "bind",
    "definition_of",
    "enabled",
    "import_tools",
    "is_waiting",
    "keep_pinned",
    "listed_operations",
    "missing_blocks",
    "offer",
    "offers",
    "operations_written_into",
    "proposal_of",
    "read_document",
    "restore",
    "save",
    "switch",
    "with_offer",
]
