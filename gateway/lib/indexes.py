"""Indexes that one database needs and the other would not thank us for."""

from typing import Any

from django.db import models

NOTHING = "SELECT 1"


class SQLiteIndex(models.Index):
    """An index that only SQLite gets.

    SQLite reads a row from its beginning: a short column behind long texts costs the whole row, so
    a list of thousands wants all it asks for in the index. PostgreSQL keeps long texts apart, and
    refuses index entries above 2,704 bytes.
    """

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        """The statement; elsewhere one that does nothing."""
        if schema_editor.connection.vendor != "sqlite":
            return NOTHING
        return super().create_sql(model, schema_editor, using=using, **kwargs)

    def remove_sql(self, model: Any, schema_editor: Any, **kwargs: Any) -> Any:
        """The same backwards."""
        if schema_editor.connection.vendor != "sqlite":
            return NOTHING
        return super().remove_sql(model, schema_editor, **kwargs)
