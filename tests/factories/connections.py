"""Connections with a really sealed credential."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from gateway.connections.models import Connection, Token
from gateway.connections.services import sealed
from gateway.lib import sealing
from tests.factories.tenants import EnvironmentFactory


class ConnectionFactory(DjangoModelFactory):
    """A bearer connection; `value` sets its secret."""

    class Meta:
        model = Connection
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    slug = factory.Sequence(lambda n: f"connection-{n}")
    kind = "bearer"

    @factory.post_generation
    def value(self: Connection, create: bool, given: Any, **_: Any) -> None:
        secret = given or "secret-of-a-service"
        place = {"table": "connection", "row": str(self.pk), "field": "value"}
        self.sealed = sealing.seal(secret, tenant=str(self.environment.tenant_id), **place)
        self.fingerprint = sealing.fingerprint(secret)
        if create:
            self.save()


class TokenFactory(DjangoModelFactory):
    """A token that counts for an hour; `access` and `refresh` set what is sealed."""

    class Meta:
        model = Token
        skip_postgeneration_save = True

    connection = factory.SubFactory(
        ConnectionFactory,
        kind="oauth2_client_credentials",
        config={"client_id": "app", "token_url": "https://auth.example.com/token"},
    )
    obtained_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=1))
    refresh_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=55))

    @factory.post_generation
    def access(self: Token, create: bool, given: Any, **_: Any) -> None:
        self.sealed_access = sealed.seal_token(self, "access", given or "access-of-a-service")
        if create:
            self.save()

    @factory.post_generation
    def refresh(self: Token, create: bool, given: Any, **_: Any) -> None:
        self.sealed_refresh = sealed.seal_token(self, "refresh", given or "")
        if create:
            self.save()
