"""Connections with a really sealed credential."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from gateway.connections.models import Connection
from gateway.lib import sealing
from tests.factories.tenants import EnvironmentFactory


class ConnectionFactory(DjangoModelFactory):
    """A bearer connection; `value` sets its secret."""

    class Meta:
        model = Connection
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    slug = factory.Sequence(lambda n: f"connection-{n}")
    kind = Connection.Kind.BEARER

    @factory.post_generation
    def value(self: Connection, create: bool, given: Any, **_: Any) -> None:
        secret = given or "secret-of-a-service"
        place = {"table": "connection", "row": str(self.pk), "field": "value"}
        self.sealed = sealing.seal(secret, tenant=str(self.environment.tenant_id), **place)
        self.fingerprint = sealing.fingerprint(secret)
        if create:
            self.save()
