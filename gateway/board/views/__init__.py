"""Pages of the board."""

from gateway.board.views.attention import attention, attention_count
from gateway.board.views.dashboard import dashboard
from gateway.board.views.welcome import first, make_key, make_source, send, welcome

__all__ = [
    "attention",
    "attention_count",
    "dashboard",
    "first",
    "make_key",
    "make_source",
    "send",
    "welcome",
]
