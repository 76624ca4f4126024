"""Anthropic: its webhooks name a session, deployment run or the like; that is fetched here.

Starting sessions and answering tool calls is not built: those parts say so.
"""

from typing import Any

from gateway.providers.base import (
    ProviderRequest,
    RunUpdate,
    StartRequest,
    ToolAnswer,
    Unparsable,
    not_built,
)
from gateway.providers.fetching import KEY_HEADER, get_json, joined, object_of, step

VERSIONS = {"anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}
# Where an object of each kind is read; the kind is the type up to its dot.
PLACES = {
    "session": "/v1/sessions/{id}",
    "agent": "/v1/agents/{id}",
    "deployment": "/v1/deployments/{id}",
    "deployment_run": "/v1/deployment_runs/{id}",
    "environment": "/v1/environments/{id}",
    "memory_store": "/v1/memory_stores/{id}",
    "user_profile": "/v1/user_profiles/{id}",
    "vault": "/v1/vaults/{id}",
    "vault_credential": "/v1/vaults/{vault_id}/credentials/{id}",
}
# What was deleted cannot be read any more.
GONE = ".deleted"
# Newest first: why a session stopped stands in its last events.
LAST_EVENTS = "/events?limit=50&order=desc"
STOPPED = frozenset({"session.idled", "session.status_idled", "session.requires_action"})


class AnthropicProvider:
    """Looks up what Anthropic's thin webhooks are about."""

    name = "anthropic"

    def is_thin(self, payload: bytes) -> bool:
        """Whether it names an object that can still be read."""
        data = _data(payload)
        return _place(data) is not None and isinstance(data.get("id"), str)

    def fetch(self, request: ProviderRequest, payload: bytes) -> bytes:
        """The object that the webhook names.

        For a session that stopped, `{"session": …, "events": …}` with its last events, because
        they say what it is waiting for.
        """
        data = _data(payload)
        place = _place(data)
        if place is None:
            raise Unparsable("its type names nothing that can be looked up")
        ids = {name: step(data.get(name)) for name in ("id", "vault_id") if f"{{{name}}}" in place}
        path = place.format(**ids)
        found = _get(request, path)
        if data["type"] not in STOPPED:
            return found
        return joined(session=found, events=_get(request, path + LAST_EVENTS))

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """Not built."""
        raise not_built("Anthropic", "start runs")

    def submit_result(self, request: ProviderRequest, run_id: str, answer: ToolAnswer) -> None:
        """Not built."""
        raise not_built("Anthropic", "answer tool calls")

    def cancel(self, request: ProviderRequest, run_id: str) -> None:
        """Not built."""
        raise not_built("Anthropic", "cancel runs")

    def parse(self, payload: bytes) -> RunUpdate | None:
        """Not built: such an event can be recorded or propose an action by a route."""
        raise Unparsable("feeding runs from Anthropic's events is not supported yet; add a route")


def _get(request: ProviderRequest, path: str) -> bytes:
    return get_json(request, path, headers={KEY_HEADER: request.api_key, **VERSIONS})


def _data(payload: bytes) -> dict[str, Any]:
    data = object_of(payload).get("data")
    return data if isinstance(data, dict) else {}


def _place(data: dict[str, Any]) -> str | None:
    kind = str(data.get("type", ""))
    return None if kind.endswith(GONE) else PLACES.get(kind.partition(".")[0])
