"""Where deliveries may come in: every source with its keys, in memory, at most a second old.

Nothing here runs inside a request but a look into a dictionary. The map is read in a thread of its
own; requests that come when it is older than a second, and all that would be refused, wait for the
next reading. So a new source or a rotated secret counts at once, in every process, and an unknown
address takes as long as a wrong signature.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Lock
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import Count, Max, Sum

from gateway.lib import sealing
from webhooks.ingest.media import is_taken
from webhooks.models import Secret, Source
from webhooks.schemes.base import Scheme
from webhooks.schemes.catalogue import STANDARD
from webhooks.schemes.custom import BadScheme
from webhooks.schemes.secrets import BadSecret, key_of

log = structlog.get_logger(__name__)
MAX_AGE_S = 1.0
MIN_GAP_S = 0.1
FOREVER = float("inf")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key and when it counts, in seconds since 1970."""

    secret_id: uuid.UUID
    value: bytes = field(repr=False)
    not_before: float
    not_after: float

    def is_live(self, now: float) -> bool:
        """Whether a signature made with it counts at this time."""
        return self.not_before <= now < self.not_after


class Allowance:
    """How many deliveries a second a source takes; bursts of one second are fine."""

    def __init__(self, rate_per_s: float) -> None:
        self.rate = rate_per_s
        self.room = max(1.0, rate_per_s)
        self.left = self.room
        self.at = time.monotonic()
        # Django's own servers take deliveries in threads.
        self.lock = Lock()

    def take(self) -> bool:
        """Use one up; False when there is none left."""
        with self.lock:
            now = time.monotonic()
            self.left = min(self.room, self.left + (now - self.at) * self.rate)
            self.at = now
            if self.left < 1.0:
                return False
            self.left -= 1.0
            return True


_ALLOWANCES: dict[uuid.UUID, Allowance] = {}


def allowance_of(source_id: uuid.UUID, rate_per_s: float | None) -> Allowance | None:
    """What this process counts for a source: one count, until the rate is another.

    Entries are made anew with each change of the source, and for each delivery where no event loop
    runs; a count of their own would begin full each time.
    """
    if not rate_per_s:
        return None
    found = _ALLOWANCES.get(source_id)
    if found is None or found.rate != rate_per_s:
        found = _ALLOWANCES[source_id] = Allowance(rate_per_s)
    return found


@dataclass(slots=True)
class Entry:
    """A source as the hot path sees it."""

    source_id: uuid.UUID
    environment_id: uuid.UUID
    version: int
    public_id: str
    scheme: Scheme
    keys: tuple[Key, ...]
    is_enabled: bool
    tolerance_s: int | None
    success_status: int | None
    max_body_bytes: int
    quarantines: bool
    networks: tuple[Network, ...]
    allowance: Allowance | None
    url: bytes = b""
    verify_token: str = field(default="", repr=False)
    documents: Mapping[str, bytes] = field(default_factory=dict)
    source_hex: str = ""
    environment_hex: str = ""
    source_bytes: bytes = b""
    environment_bytes: bytes = b""

    def __post_init__(self) -> None:
        # Each event's row has both: in SQLite's form, and in PostgreSQL's.
        self.source_hex, self.source_bytes = self.source_id.hex, self.source_id.bytes
        self.environment_hex = self.environment_id.hex
        self.environment_bytes = self.environment_id.bytes

    def live_keys(self, now: float) -> list[Key]:
        """The keys that count at this time."""
        return [key for key in self.keys if key.is_live(now)]

    def signed_url(self, query: bytes) -> bytes:
        """The registered address, with the query that came where none was registered."""
        return self.url + b"?" + query if query and b"?" not in self.url else self.url

    def takes(self, content_type: bytes) -> bool:
        """Whether bodies of this media type fit the scheme."""
        return is_taken(content_type, self.scheme.media_types)

    def admits(self, address: str) -> bool:
        """Whether deliveries may come from this client; no list admits all."""
        if not self.networks:
            return True
        try:
            client = ip_address(address)
        except ValueError:
            return False
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in network for network in self.networks)


Entries = dict[str, Entry]
State = tuple[int, int, datetime | None]


def read_state() -> State:
    """What differs after every committed change of a source, its secrets or its routes."""
    found = Source.objects.aggregate(
        count=Count("pk"), versions=Sum("version"), newest=Max("created_at")
    )
    return found["count"], found["versions"] or 0, found["newest"]


def read_entries(known: Entries) -> Entries:
    """Every source by its address; those whose version is known are taken over as they are."""
    versions = dict(Source.objects.values_list("address", "version"))
    kept = {
        address: known[address]
        for address, version in versions.items()
        if address in known and known[address].version == version
    }
    changed = Source.objects.filter(address__in=set(versions) - set(kept))
    rows = changed.select_related("environment").prefetch_related("secrets", "documents")
    return kept | {source.address: entry_of(source) for source in rows}


def entry_of(source: Source) -> Entry:
    """The source as the hot path sees it; a scheme that cannot work leaves it without keys."""
    options: dict[str, Any] = source.settings
    try:
        scheme, found = source.rules, list(source.secrets.all())
    except (KeyError, BadScheme) as error:
        log.error("scheme_unusable", source=source.public_id, error=str(error))
        scheme, found = STANDARD, []
    keys = [key for secret in found if (key := _key(source, secret))]
    return Entry(
        source_id=source.pk,
        environment_id=source.environment_id,
        version=source.version,
        public_id=source.public_id,
        scheme=scheme,
        keys=tuple(keys),
        is_enabled=source.is_enabled and source.archived_at is None,
        tolerance_s=options.get("tolerance_s"),
        success_status=options.get("success_status") or scheme.success_status,
        max_body_bytes=options.get("max_body_bytes") or settings.MAX_BODY_BYTES,
        quarantines=options.get("quarantine", True),
        networks=tuple(ip_network(text) for text in options.get("ip_allow", ())),
        allowance=allowance_of(source.pk, options.get("rate_per_s")),
        url=source.signed_url.encode(),
        verify_token=source.verify_token,
        documents={d.url: bytes(d.content) for d in source.documents.all() if d.content},
    )


def _key(source: Source, secret: Secret) -> Key | None:
    """The key behind a secret; one that cannot be opened is left out, so that nothing passes."""
    try:
        text = sealing.unseal(secret.sealed, **secret.place(source))
        value = key_of(source.rules, text)
    except (sealing.CannotUnseal, BadSecret) as error:
        log.error("secret_unusable", source=source.public_id, error=str(error))
        return None
    return Key(
        secret_id=secret.pk,
        value=value,
        not_before=_seconds(secret.not_before, -FOREVER),
        not_after=_seconds(secret.not_after, FOREVER),
    )


def _seconds(moment: datetime | None, default: float) -> float:
    return moment.timestamp() if moment else default


class SourceMap:
    """The sources of one event loop, read in a thread."""

    def __init__(self, reader: Executor) -> None:
        self.reader = reader
        self.entries: Entries = {}
        self.state: State | None = None
        self.read_at = -FOREVER
        self.reading: asyncio.Task[None] | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the map may be used as it is."""
        return time.monotonic() - self.read_at < MAX_AGE_S

    async def read_since(self, moment: float) -> None:
        """Wait until the map was read at or after this moment of the monotonic clock.

        Any number of waiters share one reading. Raises what the database's driver does.
        """
        while self.read_at < moment:
            if self.reading is None:
                self.reading = asyncio.ensure_future(self._read())
            await asyncio.shield(self.reading)

    async def _read(self) -> None:
        try:
            await asyncio.sleep(max(0.0, self.read_at + MIN_GAP_S - time.monotonic()))
            begun = time.monotonic()
            loop = asyncio.get_running_loop()
            self.state, self.entries = await loop.run_in_executor(self.reader, self._renew)
            self.read_at = begun
        finally:
            self.reading = None

    def _renew(self) -> tuple[State, Entries]:
        try:
            state = read_state()
            if state == self.state:
                return state, self.entries
            return state, read_entries(self.entries)
        except Error:
            connection.close()  # the next reading opens a fresh one
            raise
