"""The one clock of a deployment: the database's."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """The time of the database's clock, by which deadlines are compared.

    Machines' clocks differ; a hold that began by one that is a minute behind would be a minute
    shorter. SQLite has no clock but this machine's. Raises DatabaseError.
    """
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        # As Django's `Now()`: of this statement, not of the transaction's beginning.
        cursor.execute("SELECT statement_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
