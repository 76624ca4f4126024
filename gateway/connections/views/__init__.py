"""Pages of the connections."""

from gateway.connections.views.connecting import callback, connect, disconnect
from gateway.connections.views.editing import archive, check, edit, new, rotate
from gateway.connections.views.pages import detail, index

__all__ = [
    "archive",
    "callback",
    "check",
    "connect",
    "detail",
    "disconnect",
    "edit",
    "index",
    "new",
    "rotate",
]
