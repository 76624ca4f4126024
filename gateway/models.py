"""The roof's one table: who may do what only one process may do at a time."""

from django.db import models


class Lease(models.Model):
    """A role that one process at a time holds, until the database's clock says otherwise."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=80)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
