"""Everything that changes a connection, and the one place where a credential is opened."""

from gateway.connections.services.archiving import archive
from gateway.connections.services.creating import create
from gateway.connections.services.editing import rotate, update
from gateway.connections.services.revealing import renew, reveal

__all__ = ["archive", "create", "renew", "reveal", "rotate", "update"]
