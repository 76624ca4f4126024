"""Long tables read a piece at a time, with no cursor open between the pieces.

`QuerySet.iterator()` keeps a cursor on PostgreSQL. Where its reader stops early, as a verifier does
at a broken tree, the cursor is closed whenever Python collects the generator, and the error of that
lands in whatever transaction the connection is in by then.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)

CHUNK = 500


def in_order(rows: QuerySet[Row], by: str = "pk", *, chunk: int = CHUNK) -> Iterator[Row]:
    """All of the rows, ascending by a column in which no two are alike."""
    ordered = rows.order_by(by)
    after: dict[str, Any] = {}
    while piece := list(ordered.filter(**after)[:chunk]):
        yield from piece
        after = {f"{by}__gt": getattr(piece[-1], by)}
