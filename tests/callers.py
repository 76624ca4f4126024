"""Clients of the REST API: a member's key, a machine's key, a browser session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.test import Client

from gateway.agents import services as agents
from gateway.agents.models import Agent
from gateway.tenants.models import Environment, User
from tests.people import People

ROOT = "/api/v1/"


@dataclass(frozen=True)
class Caller:
    """Sends JSON as one principal; `secret` is the key it does so with."""

    client: Client
    headers: dict[str, str]
    secret: str = ""

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        """A GET below /api/v1/."""
        return self.client.get(ROOT + path, query or {}, headers=self.headers | headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """A POST below /api/v1/; `body` is bytes as they are, or a value that becomes JSON."""
        return self.send("post", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Another method that carries a body, as `post` does."""
        return getattr(self.client, method)(
            ROOT + path,
            body if body is not None else {},
            content_type="application/json",
            headers=self.headers | {name.replace("_", "-"): v for name, v in headers.items()},
        )


def key_of(
    people: People,
    user: User,
    *,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> Caller:
    """The member's own key."""
    _, secret = agents.create_api_key(
        people.environment, name="own", member=people.member(user), scopes=scopes,
        expires_at=expires_at,
    )  # fmt: skip
    return by_key(secret)


def key_for(agent: Agent) -> Caller:
    """A key of this agent."""
    _, secret = agents.create_api_key(agent.environment, name="machine", agent=agent)
    return by_key(secret)


def by_key(secret: str) -> Caller:
    """Whoever holds this key."""
    return Caller(Client(), {"Authorization": f"Bearer {secret}"}, secret)


def signed_in(user: User, environment: Environment) -> Caller:
    """The person's browser, in one environment, with CSRF checks on."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    place = f"{environment.tenant.slug}/{environment.slug}"
    return Caller(client, {"Countersign-Environment": place})
