"""Sources with a really sealed secret, routes, events and counts of refusals."""

import hashlib
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit.context import new_correlation_id
from gateway.lib import ids, sealing
from tests.factories.tenants import EnvironmentFactory, UserFactory
from webhooks.models import Document, Effect, Event, EventOrder, Refusal, Route, Secret, Source
from webhooks.states import EventStatus


class SourceFactory(DjangoModelFactory):
    class Meta:
        model = Source

    environment = factory.SubFactory(EnvironmentFactory)
    slug = factory.Sequence(lambda n: f"source-{n}")
    name = factory.LazyAttribute(lambda made: made.slug.replace("-", " ").title())
    address = factory.LazyFunction(lambda: ids.random_token("in"))
    scheme = "generic_sha256"


class SecretFactory(DjangoModelFactory):
    """A live signing secret; `value` sets it."""

    class Meta:
        model = Secret
        skip_postgeneration_save = True

    source = factory.SubFactory(SourceFactory)

    @factory.post_generation
    def value(self: Secret, create: bool, given: Any, **_: Any) -> None:
        secret = given or "secret-of-a-source"
        self.sealed = sealing.seal(secret, **self.place(self.source))
        self.fingerprint = sealing.fingerprint(secret)
        if create:
            self.save()


class RouteFactory(DjangoModelFactory):
    class Meta:
        model = Route

    source = factory.SubFactory(SourceFactory)
    position = factory.Sequence(lambda n: n + 1)
    name = factory.Sequence(lambda n: f"route {n}")
    effect = Effect.RECORD


class EventFactory(DjangoModelFactory):
    """An accepted event that nobody has looked at yet."""

    class Meta:
        model = Event

    environment = factory.SelfAttribute("source.environment")
    source = factory.SubFactory(SourceFactory)
    event_id = factory.Sequence(lambda n: f"msg_{n}")
    event_type = "order.created"
    received_at = factory.LazyFunction(timezone.now)
    headers = b"content-type: application/json\n"
    body = factory.Sequence(lambda n: b'{"number":%d}' % n)
    body_sha256 = factory.LazyAttribute(lambda made: hashlib.sha256(made.body or b"").hexdigest())
    status = EventStatus.RECEIVED
    due_at = factory.LazyFunction(timezone.now)
    correlation_id = factory.LazyFunction(new_correlation_id)


class EventOrderFactory(DjangoModelFactory):
    """An order for the bytes of one event."""

    class Meta:
        model = EventOrder
        exclude = ("event",)

    event = factory.SubFactory(EventFactory)
    source = factory.SelfAttribute("event.source")
    body_sha256 = factory.SelfAttribute("event.body_sha256")
    user = factory.SubFactory(UserFactory)


class RefusalFactory(DjangoModelFactory):
    class Meta:
        model = Refusal

    source = factory.SubFactory(SourceFactory)
    reason = "wrong_signature"
    hour = factory.LazyFunction(lambda: timezone.now().replace(minute=0, second=0, microsecond=0))
    count = 1
    last_at = factory.LazyFunction(timezone.now)


class DocumentFactory(DjangoModelFactory):
    """A certificate that was fetched."""

    class Meta:
        model = Document

    source = factory.SubFactory(SourceFactory)
    url = factory.Sequence(lambda n: f"https://sns.eu-west-1.amazonaws.com/{n}.pem")
    content = b"certificate"
    fetched_at = factory.LazyFunction(timezone.now)
