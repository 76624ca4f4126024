"""Everything that the database holds, as text: what must not be there is searched for here."""

from collections.abc import Iterator

from django.apps import apps


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
