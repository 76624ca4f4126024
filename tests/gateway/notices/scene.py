"""A waiting action and the people around it, with a mail server, Slack and Discord to tell them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from approvals.models import Action
from gateway.notices import services
from gateway.notices.models import Chat, ChatIdentity, Notice
from gateway.notices.services import filing
from gateway.tenants.models import User
from tests.doubles import discord, slack
from tests.doubles.discord import CHANNEL, Discord
from tests.doubles.serving import serving
from tests.doubles.slack import Slack
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.notices import ChatFactory, ChatIdentityFactory
from tests.factories.tools import ToolFactory
from tests.people import People

ROOM = "C00GENERAL"


def waiting(people: People, *, risk: str = "medium", **more: Any) -> Action:
    """An action that waits for one reviewer."""
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    fields: dict[str, Any] = {"environment": people.environment, "agent": agent, "risk": risk}
    return ActionFactory(**fields, **more)


def saying(people: People, note: str, **tool: Any) -> Action:
    """An action whose effect sentence and argument hold this text."""
    shaped = {f"current__{name}": value for name, value in tool.items()}
    made = ToolFactory(environment=people.environment, current__effect="Note: {{ note }}", **shaped)
    return waiting(people, tool=made, with_arguments={"note": note})


@dataclass
class Room:
    """A chat of the environment, and the service behind it."""

    chat: Chat
    service: Any

    def link(self, user: User, people: People, **more: Any) -> ChatIdentity:
        """The member's account there."""
        return ChatIdentityFactory(chat=self.chat, member=people.member(user), **more)

    def tell(self, action: Action) -> Notice:
        """The message about the action in the room, once it stands there."""
        filing.follow(action)
        services.deliver_due()
        return Notice.objects.get(action=action, chat=self.chat, occasion="asked", member=None)


@contextmanager
def in_slack(people: People, settings: Any, **more: Any) -> Iterator[Room]:
    """A channel in Slack."""
    with serving(Slack()) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        token = ConnectionFactory(environment=people.environment, value=slack.TOKEN)
        chat = ChatFactory(
            environment=people.environment, connection=token, base_url=f"{double.url}/api", **more
        )
        yield Room(chat, double)


@contextmanager
def in_discord(people: People, settings: Any, **more: Any) -> Iterator[Room]:
    """A channel in Discord."""
    with serving(Discord()) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        token = ConnectionFactory(environment=people.environment, value=discord.TOKEN)
        chat = ChatFactory(
            environment=people.environment, connection=token, kind="discord", room=CHANNEL,
            base_url=f"{double.url}/api/v10", **more,
        )  # fmt: skip
        yield Room(chat, double)
