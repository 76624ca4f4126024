"""Who listens: checked once when a stream opens, and again every few seconds for all at once.

A ticket remembers what let the listener in. Sessions are read from the table of the database
engine, so that one query looks at those of every open stream.
"""

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from gateway.tenants import principals, services
from gateway.tenants.authentication import bearer_of, principal_of_key
from gateway.tenants.middleware import environment_of
from gateway.tenants.models import ApiKey, Environment, Member, User
from gateway.tenants.principals import Principal

log = structlog.get_logger(__name__)
# Half of the five seconds in which a revoked session has to be gone.
CHECK_EVERY_S = 2.5


@dataclass(frozen=True)
class Ticket:
    """What a stream was opened with: a session or a key, for one permission in one environment."""

    environment: uuid.UUID
    permission: str
    session: str = ""
    key: uuid.UUID | None = None


def header(scope: Any, name: str) -> str:
    """The first header of this name; empty without it."""
    wanted = name.lower().encode()
    found = next((value for key, value in scope["headers"] if key.lower() == wanted), b"")
    return str(found.decode("latin-1"))


def session_key(scope: Any) -> str:
    """The session that the request's cookie names; empty without one."""
    try:
        jar = SimpleCookie(header(scope, "cookie"))
    except CookieError:
        return ""
    morsel = jar.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else ""


def is_own_origin(scope: Any) -> bool:
    """Whether a browser sent this from a page of ours; what is no browser sends no origin.

    A session without an origin is no browser's: browsers always say where a WebSocket comes from.
    """
    origin, host = header(scope, "origin"), header(scope, "host")
    name, _ = split_domain_port(host)
    if not validate_host(name, settings.ALLOWED_HOSTS):
        return False
    if not origin:
        return not session_key(scope)
    return origin in settings.CSRF_TRUSTED_ORIGINS or origin in {
        f"http://{host}",
        f"https://{host}",
    }


@database_sync_to_async
def admit_to_place(
    scope: Any, *, tenant: str, environment: str, permission: str
) -> tuple[Ticket, Principal] | None:
    """The signed-in person's ticket for an environment; None for everybody else."""
    key = session_key(scope)
    user = _people([key]).get(key)
    place = environment_of(user, tenant=tenant, environment=environment) if user else None
    if user is None or place is None:
        return None
    return _admitted(principals.of_user(user, place), permission, session=key)


@database_sync_to_async
def admit_to_row(
    scope: Any, environment: Environment | None, *, permission: str
) -> tuple[Ticket, Principal] | None:
    """A ticket for something in this environment, by API key or session; None without the right."""
    secret = bearer_of(header(scope, "authorization"))
    if secret is not None:
        principal = principal_of_key(secret)
        if principal is None or environment is None or principal.environment != environment:
            return None
        return _admitted(principal, permission)
    key = session_key(scope)
    user = _people([key]).get(key)
    if user is None or environment is None:
        return None
    return _admitted(principals.of_user(user, environment), permission, session=key)


def _admitted(
    principal: Principal, permission: str, *, session: str = ""
) -> tuple[Ticket, Principal] | None:
    if not principal.has(permission):
        return None
    if session and principal.user is not None and services.is_owed(principal.user):
        # As on every page: first the second factor that the deployment asks for.
        return None
    key = principal.api_key.pk if principal.api_key else None
    return Ticket(principal.environment.pk, permission, session=session, key=key), principal


def still_good(tickets: set[Ticket]) -> set[Ticket]:
    """Those of the tickets whose session or key still lives and still has the permission."""
    people = _people([ticket.session for ticket in tickets if ticket.session])
    keys = ApiKey.objects.select_related("environment__tenant", "member__user").in_bulk(
        [ticket.key for ticket in tickets if ticket.key]
    )
    places = Environment.objects.select_related("tenant").in_bulk(
        [ticket.environment for ticket in tickets if ticket.session]
    )
    # Three queries more, however many desks are open: asking for each of them would be a thousand.
    members = {
        (member.tenant_id, member.user_id): member
        for member in Member.objects.filter(user__in={user.pk for user in people.values()})
        .select_related("user")
        .prefetch_related("roles")
    }
    return {ticket for ticket in tickets if _stands(ticket, people, keys, places, members)}


def _stands(
    ticket: Ticket,
    people: dict[str, User],
    keys: dict[Any, ApiKey],
    places: dict[Any, Environment],
    members: dict[tuple[Any, Any], Member],
) -> bool:
    if ticket.key is not None:
        key = keys.get(ticket.key)
        is_valid = key is not None and key.is_valid_at(timezone.now())
        return is_valid and principals.of_key(keys[ticket.key]).has(ticket.permission)
    user, place = people.get(ticket.session), places.get(ticket.environment)
    if user is None or place is None:
        return False
    member = members.get((place.tenant_id, user.pk))
    return ticket.permission in principals.permissions_of(member, place)


def _people(sessions: list[str]) -> dict[str, User]:
    """The active person of each session that still counts; a changed password ends it."""
    rows = Session.objects.filter(session_key__in=set(sessions), expire_date__gt=timezone.now())
    found = {row.session_key: row.get_decoded() for row in rows}
    users = User.objects.filter(is_active=True).in_bulk(
        [uuid.UUID(data[SESSION_KEY]) for data in found.values() if SESSION_KEY in data]
    )
    people = {}
    for key, data in found.items():
        user = users.get(uuid.UUID(data[SESSION_KEY])) if SESSION_KEY in data else None
        if user and constant_time_compare(
            data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
        ):
            people[key] = user
    return people


class Watch:
    """The open tickets of one event loop, all checked together every few seconds."""

    def __init__(self) -> None:
        self.held: Counter[Ticket] = Counter()
        self.ends: dict[Ticket, asyncio.Event] = {}
        self.task: asyncio.Task[None] | None = None

    def hold(self, ticket: Ticket) -> asyncio.Event:
        """Check this ticket from now on; the event is set when it counts no more."""
        self.held[ticket] += 1
        if self.task is None or self.task.done():
            self.task = asyncio.ensure_future(self._check())
        return self.ends.setdefault(ticket, asyncio.Event())

    def drop(self, ticket: Ticket) -> None:
        """One stream that was opened with it has ended."""
        self.held[ticket] -= 1
        if self.held[ticket] <= 0:
            del self.held[ticket], self.ends[ticket]
        if not self.held and self.task is not None:
            self.task.cancel()
            self.task = None

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            tickets = set(self.held)
            try:
                good = await database_sync_to_async(still_good)(tickets)
            except DatabaseError as error:
                log.warning("streams_not_checked", error=repr(error))
                continue
            for ticket in tickets - good:
                if ticket in self.ends:
                    self.ends[ticket].set()


_watches: dict[asyncio.AbstractEventLoop, Watch] = {}


def watch() -> Watch:
    """The watch of the running event loop."""
    loop = asyncio.get_running_loop()
    for old in [known for known in _watches if known.is_closed()]:
        del _watches[old]
    return _watches.setdefault(loop, Watch())
