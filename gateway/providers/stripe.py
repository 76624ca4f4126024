"""Stripe: events of its second interface are thin; the event and its object are fetched here.

Stripe runs no agents: the parts of an adapter that are about runs say so.
"""

import re
from typing import Any

from gateway.providers.base import (
    ProviderRequest,
    RunUpdate,
    StartRequest,
    ToolAnswer,
    Unparsable,
    not_built,
)
from gateway.providers.fetching import get_json, joined, object_of, step

THIN = "v2.core.event"
API_VERSION = "2026-10-28.endive"
# The event says where its object is; it was signed, and still it may only be a plain path.
_CONTEXT = re.compile(r"[A-Za-z0-9_/]{1,200}")
_PATH = re.compile(r"/v[12](/(?!\.+(?:/|$))[A-Za-z0-9._~-]{1,200}){1,12}")


class StripeProvider:
    """Looks up what Stripe's thin events are about."""

    name = "stripe"

    def is_thin(self, payload: bytes) -> bool:
        """Whether it is an event of the second interface; those of the first are complete."""
        return object_of(payload).get("object") == THIN

    def fetch(self, request: ProviderRequest, payload: bytes) -> bytes:
        """`{"event": …, "related_object": …}`, the latter only where the event is about one."""
        body = object_of(payload)
        headers = _headers(body)
        parts = {
            "event": get_json(request, f"/v2/core/events/{step(body.get('id'))}", headers=headers)
        }
        related = body.get("related_object")
        if isinstance(related, dict):
            parts["related_object"] = get_json(request, _path(related), headers=headers)
        return joined(**parts)

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """Not built."""
        raise not_built("Stripe", "start runs")

    def submit_result(self, request: ProviderRequest, run_id: str, answer: ToolAnswer) -> None:
        """Not built."""
        raise not_built("Stripe", "answer tool calls")

    def cancel(self, request: ProviderRequest, run_id: str) -> None:
        """Not built."""
        raise not_built("Stripe", "cancel runs")

    def parse(self, payload: bytes) -> RunUpdate | None:
        """Not built: Stripe's events are no runs."""
        raise Unparsable("Stripe's events feed no runs; add a route that records or acts")


def _headers(body: dict[str, Any]) -> dict[str, str]:
    """The account that the event is about is named as Stripe named it."""
    headers = {"Stripe-Version": API_VERSION}
    context = body.get("context")
    if context is None:
        return headers
    if not isinstance(context, str) or not _CONTEXT.fullmatch(context):
        raise Unparsable("its context is none that can be named")
    return headers | {"Stripe-Context": context}


def _path(related: dict[str, Any]) -> str:
    url = related.get("url")
    if not isinstance(url, str) or not _PATH.fullmatch(url):
        raise Unparsable("its related object has no address that can be looked up")
    return url
