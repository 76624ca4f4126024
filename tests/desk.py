"""Helpers of view tests: a browser signed in as somebody, and addresses in an environment."""

from typing import Any

from django.test import Client
from django.urls import reverse

from gateway.tenants.models import Environment, User

HTMX = {"HX-Request": "true"}


def signed_in(user: User) -> Client:
    """A browser with a session of this person."""
    client = Client()
    client.force_login(user)
    return client


def at(environment: Environment, name: str, **parts: Any) -> str:
    """The address of a page in the environment."""
    where = {"tenant": environment.tenant.slug, "environment": environment.slug}
    return reverse(name, kwargs={**where, **parts})


def text(response: Any) -> str:
    """The answer's body."""
    return response.content.decode()
