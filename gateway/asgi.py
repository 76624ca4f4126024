"""daphne's entry: sends each request to the part that answers it, everything else to Django."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

from django.core.asgi import get_asgi_application  # noqa: E402 - settings first

django = get_asgi_application()

from gateway import health  # noqa: E402 - they import models, so the apps have to be ready
from gateway.intake import application as intake  # noqa: E402
from gateway.streams.application import around  # noqa: E402

django_application = around(django)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """One request, by its path."""
    await _part(scope)(scope, receive, send)


def _part(scope: Message) -> Application:
    if scope["type"] == "http":
        if scope["path"].startswith("/webhooks/"):
            return intake
        if scope["path"].rstrip("/") in ("/healthz", "/readyz"):
            return health.application
    return django_application
