"""One line of a card's block: an icon, a text and a code, or a link."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Line:
    """An icon, a text and a code, or a link: one line of a block."""

    text: str
    icon: str = ""
    code: str = ""
    label: str = ""
    url: str = ""
    kind: str = ""
    id: str = ""
    tone: str = ""
    at: datetime | None = None
