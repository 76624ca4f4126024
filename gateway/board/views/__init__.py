"""Pages of the board."""

from gateway.board.views.attention import attention, attention_count
from gateway.board.views.dashboard import dashboard

__all__ = ["attention", "attention_count", "dashboard"]
