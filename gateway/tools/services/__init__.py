"""Every write of tools, their versions and what they were imported from."""

from gateway.tools.services.defining import save
from gateway.tools.services.promoting import bind
from gateway.tools.services.reading import enabled, is_waiting, missing_blocks
from gateway.tools.services.switching import archive, restore, switch

__all__ = [
    "archive",
    "bind",
    "enabled",
    "is_waiting",
    "missing_blocks",
    "restore",
    "save",
    "switch",
]
