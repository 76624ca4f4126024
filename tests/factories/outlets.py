"""Outlets of the audit log."""

import factory
from factory.django import DjangoModelFactory

from gateway.outlets.models import Kind, Outlet


class OutletFactory(DjangoModelFactory):
    class Meta:
        model = Outlet

    kind = Kind.CHECKPOINTS
    log = "system"
    address = factory.Sequence(lambda n: f"https://custodian-{n}.example/checkpoints")
