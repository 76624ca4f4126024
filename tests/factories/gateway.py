"""The roof's own table."""

from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from gateway.models import Lease


class LeaseFactory(DjangoModelFactory):
    class Meta:
        model = Lease

    name = factory.Sequence(lambda n: f"role-{n}")
    holder = "a process"
    until = factory.LazyFunction(lambda: timezone.now() + timedelta(seconds=30))
