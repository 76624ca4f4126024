"""Pages of the board."""

from gateway.board.views.attention import attention, attention_count

__all__ = ["attention", "attention_count"]
