"""PostgreSQL keeps raw bodies cheaply: its default compression is what bounds 8 KB events."""

from django.apps.registry import Apps
from django.db import (
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    migrations,
    transaction,
)
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def store_bodies_cheaply(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """lz4 where the server was built with it, else no compression."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhooks_event ALTER COLUMN body SET COMPRESSION lz4")
    except (InternalError, NotSupportedError, OperationalError, ProgrammingError):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhooks_event ALTER COLUMN body SET STORAGE EXTERNAL")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [migrations.RunPython(store_bodies_cheaply, migrations.RunPython.noop)]
