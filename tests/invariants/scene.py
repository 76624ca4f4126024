"""One tool behind the fake connector, an agent that may use it, and actions that were asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import TestCase
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve, propose
from gateway.agents.models import Agent, Provider
from gateway.agents.services import principal_of_agent
from gateway.connectors import registry as connectors
from gateway.connectors.fake import FakeConnector
from gateway.lib.broker import broker
from gateway.providers import registry as providers
from gateway.providers.fake import FakeProvider
from gateway.sweeps import sweep
from gateway.tenants.models import Environment
from gateway.tools.services import save
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.jobs import waiting
from tests.people import People, ready


@dataclass(frozen=True)
class Scene:
    """People, a provider with its agent, the tools `note` (waits) and `look` (a read)."""

    people: People
    provider: Provider
    agent: Agent

    @property
    def environment(self) -> Environment:
        """Where all this is."""
        return self.people.environment

    def ask(self, tool: str = "note", **more: Any) -> Action:
        """A tool call of the agent, through the whole gate."""
        arguments = more.pop("arguments", {"note": "hello"})
        return propose(
            environment=self.environment, agent=self.agent, tool_name=tool, arguments=arguments,
            requester=principal_of_agent(self.agent), **more,
        )  # fmt: skip

    def approved(self, **more: Any) -> Action:
        """A call that one reviewer approved."""
        action = self.ask(**more)
        person = self.people.principal(self.people.may)
        return approve(action=action, by=person, digest=action.digest)


def scene(**tool: Any) -> Scene:
    """A fresh scene; `tool` changes the definition of `note`."""
    people = ready()
    save(people.environment, **ToolDefinitionFactory(name="note", **tool))
    save(people.environment, **ToolDefinitionFactory(name="look", side_effect="read"))
    provider = ProviderFactory(environment=people.environment, adapter="fake")
    agent = AgentFactory(
        environment=people.environment, provider=provider, owner=people.member(people.owner)
    )
    return Scene(people, provider, agent)


@contextmanager
def fakes() -> Iterator[tuple[FakeConnector, FakeProvider]]:
    """The fake connector and the fake provider, without memories of other tests."""
    connector, provider = connectors.connector("fake"), providers.provider("fake")
    assert isinstance(connector, FakeConnector)
    assert isinstance(provider, FakeProvider)
    kept: list[Any] = [
        connector.calls, connector.effects, connector.world, provider.started, provider.answers,
        provider.canceled, provider.fail_at,
    ]  # fmt: skip
    for memory in kept:
        memory.clear()
    try:
        yield connector, provider
    finally:
        for memory in kept:
            memory.clear()


def lose_bells() -> None:
    """Whatever was rung and not heard is gone, as after a flush of the broker."""
    connection.run_on_commit.clear()
    broker.flush_all()


def sweep_once() -> int:
    """One sweep and the jobs it rang; every bell that these rang is lost. How many jobs ran."""
    import gateway.worker  # noqa: F401, PLC0415 - declares the tasks; needs the apps to be ready

    lose_bells()
    with TestCase.captureOnCommitCallbacks(execute=True):
        sweep()
    messages = waiting()
    lose_bells()
    for message in messages:
        broker.get_actor(message.actor_name).fn(*message.args, **message.kwargs)
        lose_bells()
    return len(messages)


def sweep_until(done: Callable[[], Any], *, rounds: int = 12) -> None:
    """Let sweeps alone bring it about; raises AssertionError when they do not."""
    for _ in range(rounds):
        if done():
            return
        sweep_once()
    assert done(), f"not after {rounds} sweeps"


def run_out(rows: Any, *columns: str) -> None:
    """Move deadlines of rows into the past, as if the time had gone by."""
    rows.update(**dict.fromkeys(columns, timezone.now() - timedelta(seconds=1)))
