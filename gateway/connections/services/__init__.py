"""Everything that changes a connection, and the one place where a credential is opened."""

from gateway.connections.services.archiving import archive
from gateway.connections.services.checking import Trial, check
from gateway.connections.services.connecting import Start, begin, disconnect, finish, refused
from gateway.connections.services.creating import create
from gateway.connections.services.editing import rotate, update
from gateway.connections.services.reading import ATTENTION, Standing, standing, token_of
from gateway.connections.services.refreshing import Unavailable
from gateway.connections.services.revealing import renew, reveal

__all__ = [
    "ATTENTION",
    "Standing",
    "Start",
    "Trial",
    "Unavailable",
    "archive",
    "begin",
    "check",
    "create",
    "disconnect",
    "finish",
    "refused",
    "renew",
    "reveal",
    "rotate",
    "standing",
    "token_of",
    "update",
]
