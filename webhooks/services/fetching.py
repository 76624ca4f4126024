"""What a thin event is about: fetched from its provider once, before anything is decided."""

import hashlib

import structlog
from django.utils import timezone

from gateway.agents.models import Provider
from gateway.http.errors import OutsideError
from gateway.providers import registry
from gateway.providers.base import Fetcher, Unparsable
from gateway.runs import services as runs
from webhooks.models import Event, Source
from webhooks.services.outcomes import Hopeless, Later
from webhooks.states import EventStatus

log = structlog.get_logger(__name__)
# Answers that a person or a moment may change: a key put right, an object not visible yet.
MAY_PASS = frozenset({401, 403, 404})
LONGEST_WAIT_S = 3600.0


def fetch_once(event: Event) -> None:
    """Store what the event is about, unless that was done before or it is complete in itself.

    Raises Later where the provider does not answer now, Hopeless where asking again cannot help.
    """
    if event.fetched_at is not None:
        return
    provider = fetcher_of(event)
    if provider is None:
        return
    try:
        content = runs.fetch(provider, event.raw, key=event.public_id)
    except Unparsable as error:
        raise Hopeless(f"{provider} cannot look it up: {error.reason}") from error
    except OutsideError as error:
        reason = f"{provider} was asked what it is about: {error.detail}"
        if error.permanent and error.status not in MAY_PASS:
            raise Hopeless(reason) from error
        wait_s = min(error.retry_after, LONGEST_WAIT_S) if error.retry_after else None
        raise Later(reason, after_s=wait_s) from error
    _keep(event, content)


def fetcher_of(event: Event) -> Provider | None:
    """The provider that tells more about this event: the source's own, else one of its routes'."""
    for provider, adapter in _fetchers(event.source):
        if adapter.is_thin(event.raw):
            return provider
    return None


def may_be_thin(source: Source) -> bool:
    """Whether an event of this source can be one that its provider is asked about."""
    return bool(_fetchers(source))


def _fetchers(source: Source) -> list[tuple[Provider, Fetcher]]:
    named = [source.provider, *(route.provider for route in source.routes.all())]
    known = [(provider, registry.fetcher(provider.adapter)) for provider in named if provider]
    return [(provider, adapter) for provider, adapter in known if adapter is not None]


def _keep(event: Event, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    fields = {"fetched": content, "fetched_sha256": digest, "fetched_at": timezone.now()}
    held = Event.objects.filter(
        pk=event.pk, status=EventStatus.PROCESSING, attempts=event.attempts, fetched_at=None
    )
    if not held.update(**fields):
        raise Later("Another worker has taken it up.")
    for name, value in fields.items():
        setattr(event, name, value)
    log.info("event_fetched", id=event.public_id, bytes=len(content), sha256=digest)
