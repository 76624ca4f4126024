"""Long tables are read a piece at a time, and nothing stays open where the reader stops."""

import gc

import pytest
from django.db import connection, transaction

from audit.models import AuditRecord
from audit.reading import in_order
from tests.factories.audit import AuditRecordFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_every_row_comes_once_and_in_order(chunk):
    made = [AuditRecordFactory().pk for _ in range(3)]
    assert [row.pk for row in in_order(AuditRecord.objects.all(), chunk=chunk)] == sorted(made)


def test_a_reader_that_stops_early_breaks_no_later_transaction():
    AuditRecordFactory.create_batch(3)
    with transaction.atomic():
        reader = in_order(AuditRecord.objects.all(), chunk=1)
        next(reader)
    with transaction.atomic():
        del reader
        gc.collect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
