"""Preferences, chats with a really sealed secret, linked accounts, codes and notices."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from gateway.lib import sealing
from gateway.notices.models import Browser, Chat, ChatIdentity, LinkCode, Notice, Preference
from gateway.tenants.models.access import digest_of
from tests.factories.approvals import ActionFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.tenants import EnvironmentFactory, MemberFactory

SIGNING_SECRET = "slack-signing-secret-of-tests"  # noqa: S105 - of tests


def _member_of(environment: str) -> Any:
    return factory.SubFactory(
        MemberFactory, tenant=factory.SelfAttribute(f"..{environment}.tenant")
    )


class PreferenceFactory(DjangoModelFactory):
    """What a member chose; nothing stored means the usual."""

    class Meta:
        model = Preference

    environment = factory.SubFactory(EnvironmentFactory)
    member = _member_of("environment")


class BrowserFactory(DjangoModelFactory):
    """A browser that was subscribed; `endpoint`, `public` and `auth` are what it said."""

    class Meta:
        model = Browser
        skip_postgeneration_save = True

    class Params:
        endpoint = factory.Sequence(lambda n: f"https://push.example.com/v1/{n}")

    environment = factory.SubFactory(EnvironmentFactory)
    member = _member_of("environment")
    digest = factory.LazyAttribute(lambda made: digest_of(made.endpoint))
    service = "push.example.com"


class ChatFactory(DjangoModelFactory):
    """Slack, in a channel, for low and medium risk; `secret` is what presses are signed with."""

    class Meta:
        model = Chat
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    kind = "slack"
    connection = factory.SubFactory(
        ConnectionFactory, environment=factory.SelfAttribute("..environment")
    )
    room = "C00GENERAL"
    risks = factory.LazyFunction(lambda: ["low", "medium", "high", "critical"])

    @factory.post_generation
    def secret(self: Chat, create: bool, given: Any, **_: Any) -> None:
        self.sealed = sealing.seal(given or SIGNING_SECRET, **self.place())
        if create:
            self.save()


class ChatIdentityFactory(DjangoModelFactory):
    """An account that is linked to a member."""

    class Meta:
        model = ChatIdentity

    chat = factory.SubFactory(ChatFactory)
    environment = factory.SelfAttribute("chat.environment")
    member = _member_of("environment")
    workspace = "T0001"
    account = factory.Sequence(lambda n: f"U{n:08}")
    name = "ana"


class LinkCodeFactory(DjangoModelFactory):
    """A code that links for ten minutes; `text` is what is entered."""

    class Meta:
        model = LinkCode

    class Params:
        text = factory.Sequence(lambda n: f"code-{n}")

    chat = factory.SubFactory(ChatFactory)
    environment = factory.SelfAttribute("chat.environment")
    member = _member_of("environment")
    digest = factory.LazyAttribute(lambda made: digest_of(made.text))
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=10))


class NoticeFactory(DjangoModelFactory):
    """A mail to a member that is due."""

    class Meta:
        model = Notice

    action = factory.SubFactory(ActionFactory)
    environment = factory.SelfAttribute("action.environment")
    action_version = factory.SelfAttribute("action.version")
    digest = factory.SelfAttribute("action.digest")
    medium, occasion = "email", "asked"
    member = _member_of("environment")
    due_at = factory.LazyFunction(timezone.now)
    give_up_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))
