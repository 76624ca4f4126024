"""The model field of bytes that are kept as `packing` keeps them."""

from typing import Any

from django.db import models

from gateway.lib.packing import packed, unpacked


class PackedField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes that are packed on their way into the database and unpacked on their way out.

    SQL sees them as they are kept, and so do migrations: to both it is a field of bytes.
    """

    def deconstruct(self) -> Any:
        """As a field of bytes: to pack a column or not changes nothing about the column."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value as it is kept."""
        kept = None if value is None else packed(bytes(value))
        return super().get_db_prep_value(kept, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        """The value as it was given."""
        return None if value is None else unpacked(bytes(value))
