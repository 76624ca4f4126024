"""Everything that the database holds, as text: what must not be there is searched for here."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps

# Counters and marks of use, which are no state of anything.
UNRECORDED = {"audit_auditrecord", "audit_refusalcount"}


def where_stored(needle: str) -> list[str]:
    """The tables and columns whose values contain the text, as text or as bytes."""
    return sorted({place for place, value in _values() if _contains(value, needle)})


def _values() -> Iterator[tuple[str, object]]:
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:
            continue
        for row in model._base_manager.values():
            for column, value in row.items():
                yield f"{model._meta.db_table}.{column}", value


def _contains(value: object, needle: str) -> bool:
    if isinstance(value, memoryview | bytes):
        return needle.encode() in bytes(value)
    return needle in str(value)


def everything() -> dict[str, list[Any]]:
    """Every row of every table but the audit log's."""
    models = [m for m in apps.get_models() if m._meta.managed and not m._meta.proxy]
    return {
        m._meta.db_table: sorted(map(repr, m._base_manager.values()))
        for m in models
        if m._meta.db_table not in UNRECORDED
    }
