"""Counted hours."""

from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from gateway.board.models import Hour, Reached
from tests.factories.tenants import EnvironmentFactory


class HourFactory(DjangoModelFactory):
    """An hour of yesterday in which one call was made."""

    class Meta:
        model = Hour

    environment = factory.SubFactory(EnvironmentFactory)
    hour = factory.LazyFunction(
        lambda: timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    )
    figures = factory.LazyFunction(lambda: {"asked": {"self": 1}})


class ReachedFactory(DjangoModelFactory):
    class Meta:
        model = Reached

    name = "hours"
    until = factory.LazyFunction(timezone.now)
