"""What nobody may leave lying about: one look per kind of trouble, each with what to do.

Every look is one query over an index, however many rows there are; the state of circuits comes
from the cache. Nothing is shown that the reader may not see where it leads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from approvals.states import ActionStatus
from audit import badge
from gateway.connections import accounts
from gateway.connections import services as connections
from gateway.connections.models import Connection
from gateway.lib.words import Words
from gateway.outlets.models import Outlet
from gateway.runs.models import Report
from gateway.tenants.models import ApiKey, Environment
from webhooks.models import Event, Secret, Source
from webhooks.services.silence import silent
from webhooks.states import EventStatus

# Credentials that end within this time are worth a word, as those of connections are.
SOON = timedelta(days=14)
NAMED = 5
# The number in the side bar may be so old; the page itself never is.
COUNT_TTL_S = 15
CIRCUIT_CLOSED = "closed"
May = Callable[[str], bool]


@dataclass(frozen=True)
class Named:
    """One of the rows: how it is called, and the page and its parts that show it."""

    label: str
    page: str
    parts: dict[str, str]


@dataclass(frozen=True)
class Found:
    """What one look found; `named` are the first few where there are rarely more."""

    count: int = 0
    oldest: datetime | None = None
    named: tuple[Named, ...] = ()
    note: str = ""


Look = Callable[[Environment, datetime], Found]


@dataclass(frozen=True)
class Watch:
    """One kind of trouble: what it means, what to do, and the list that shows it."""

    key: str
    title: Words
    icon: str
    tone: str
    advice: Words
    page: str
    query: str
    permission: str
    look: Look


@dataclass(frozen=True)
class Group:
    """A kind of trouble that there is."""

    watch: Watch
    found: Found


def groups(environment: Environment, *, may: May) -> list[Group]:
    """Every kind of trouble that there is and that this reader may look into."""
    now = timezone.now()
    seen = ((watch, watch.look(environment, now)) for watch in WATCHES if may(watch.permission))
    return [Group(watch, found) for watch, found in seen if found.count]


def count(environment: Environment, *, may: May) -> int:
    """How much there is, at most COUNT_TTL_S old: every page asks."""
    allowed = "".join("1" if may(watch.permission) else "0" for watch in WATCHES)
    key = f"board.attention.{environment.pk}.{allowed}"
    known = cache.get(key)
    if known is None:
        known = sum(group.found.count for group in groups(environment, may=may))
        cache.set(key, known, COUNT_TTL_S)
    return int(known)


def _counted(rows: Any, column: str) -> Found:
    told = rows.aggregate(n=Count("pk"), since=Min(column))
    return Found(told["n"], told["since"])


def _unknown(environment: Environment, now: datetime) -> Found:
    rows = Action.objects.within(environment).filter(status=ActionStatus.UNKNOWN)
    return _counted(rows, "created_at")


def _reports(environment: Environment, now: datetime) -> Found:
    rows = Report.objects.undelivered().filter(run__environment=environment)
    return _counted(rows, "created_at")


def _quarantined(environment: Environment, now: datetime) -> Found:
    rows = Event.objects.within(environment).filter(status=EventStatus.QUARANTINED)
    return _counted(rows, "received_at")


def _dead(environment: Environment, now: datetime) -> Found:
    rows = Event.objects.within(environment).filter(status=EventStatus.DEAD)
    return _counted(rows, "received_at")


def _broken(environment: Environment, now: datetime) -> Found:
    def since(connection: Connection) -> datetime | None:
        token = connections.token_of(connection)
        return (token.failed_at if token else None) or connection.checked_at

    rows = [
        (row, said)
        for row, said in _standings(environment, now)
        if said.needs_attention and not said.is_ending
    ]
    return _of_connections([row for row, _ in rows], since)


def _ending(environment: Environment, now: datetime) -> Found:
    rows = [row for row, said in _standings(environment, now) if said.is_ending]
    return _of_connections(rows, lambda row: row.value_since)


def _broken_off(environment: Environment, now: datetime) -> Found:
    """Connections one of whose services is not called just now, because it failed again and again.

    Where nobody asks, nothing is known, so only those that were used are looked at.
    """
    found, since = [], []
    for row in _connections(environment).filter(last_used_at__isnull=False):
        open_ = [one for one in accounts.health_of(row) if one.state.value != CIRCUIT_CLOSED]
        if open_:
            found.append(row)
            since += [one.since for one in open_ if one.since]
    named = _of_connections(found, lambda row: None).named
    return Found(len(found), min(since, default=None), named)


def _connections(environment: Environment) -> Any:
    rows = Connection.objects.within(environment).filter(archived_at=None)
    return rows.select_related("token", "environment__tenant").order_by("slug")


def _standings(
    environment: Environment, now: datetime
) -> Iterator[tuple[Connection, connections.Standing]]:
    for row in _connections(environment):
        yield row, connections.standing(row, now=now)


def _of_connections(
    rows: list[Connection], since: Callable[[Connection], datetime | None]
) -> Found:
    moments = [moment for row in rows if (moment := since(row))]
    named = tuple(
        Named(row.name or row.slug, "connections:detail", {"connection": row.public_id})
        for row in rows[:NAMED]
    )
    return Found(len(rows), min(moments, default=None), named)


def _silent(environment: Environment, now: datetime) -> Found:
    rows = list(silent(Source.objects.within(environment)).order_by("silent_since"))
    return Found(len(rows), rows[0].silent_since if rows else None, _sources(rows))


def _sources(rows: list[Source]) -> tuple[Named, ...]:
    return tuple(Named(str(row), "webhooks:source", {"source": row.slug}) for row in rows[:NAMED])


def _secrets(environment: Environment, now: datetime) -> Found:
    """Sources whose last secret ends soon, or has ended: then nothing is accepted any more."""
    of_source = Secret.objects.filter(source=OuterRef("pk"))
    lasting = of_source.filter(Q(not_after=None) | Q(not_after__gt=now + SOON))
    rows = Source.objects.within(environment).filter(is_enabled=True, archived_at=None)
    ending = list(rows.filter(~Exists(lasting), Exists(of_source)).order_by("slug"))
    return Found(len(ending), None, _sources(ending))


def _keys(environment: Environment, now: datetime) -> Found:
    rows = ApiKey.objects.within(environment).filter(
        revoked_at=None, expires_at__gt=now, expires_at__lte=now + SOON
    )
    return Found(rows.count(), None)


def _outlets(environment: Environment, now: datetime) -> Found:
    """Their addresses are the deployment's business: no tenant reads them here."""
    rows = Outlet.objects.failing().filter(log=environment.tenant.public_id)
    return _counted(rows, "delivered_at")


def _unverified(environment: Environment, now: datetime) -> Found:
    told = badge.badge_of(environment.tenant.public_id)
    return Found(0 if told.tone == "ok" else 1, told.at, note=f"{told.title}. {told.text}")


VIEW_ACTION, VIEW_EVENT, VIEW_SOURCE = (
    "approvals.view_action", "webhooks.view_event", "webhooks.view_source",
)  # fmt: skip
VIEW_CONNECTION, VIEW_AUDIT = "connections.view_connection", "audit.view_record"
WATCHES: tuple[Watch, ...] = (
    Watch(
        "unknown", _("Actions whose outcome is unknown"), "help-circle", "bad",
        _(
            "The call left us and no answer came. Look at the service, then settle each with "
            "what you found; the agent waits for it."
        ),
        "approvals:list", "status=unknown", VIEW_ACTION, _unknown,
    ),
    Watch(
        "reports", _("Answers that do not reach their agent"), "mail-exclamation", "bad",
        _(
            "The provider does not take them. See the error on the run's page; what was given up "
            "is told by running it again."
        ),
        "runs:list", "reports=undelivered", "runs.view_run", _reports,
    ),
    Watch(
        "quarantined", _("Events set apart"), "lock", "warn",
        _(
            "The same signed bytes came under another id: a replay, or a provider that repeats "
            "itself. Look at each and release what is genuine."
        ),
        "webhooks:events", "status=quarantined", VIEW_EVENT, _quarantined,
    ),
    Watch(
        "dead", _("Events that could not be processed"), "skull", "bad",
        _(
            "Each says why. Mend the route or the tool that it names, then replay them."
        ),
        "webhooks:events", "status=dead", VIEW_EVENT, _dead,
    ),
    Watch(
        "broken", _("Connections that do not work"), "link-off", "bad",
        _(
            "Calls through them fail. Connect them again, or give them a new credential."
        ),
        "connections:list", "state=broken", VIEW_CONNECTION, _broken,
    ),
    Watch(
        "circuit", _("Services that are not called just now"), "circle-x", "warn",
        _(
            "They failed again and again, so calls are held back and one is tried from time to "
            "time. If it lasts, ask whoever runs the service."
        ),
        "connections:list", "", VIEW_CONNECTION, _broken_off,
    ),
    Watch(
        "silent", _("Sources that are quieter than usual"), "clock-pause", "warn",
        _(
            "Nothing came for longer than they ever paused. Is the webhook still set up at the "
            "provider, and does the address answer from outside?"
        ),
        "webhooks:sources", "state=silent", VIEW_SOURCE, _silent,
    ),
    Watch(
        "ending",
        _("Credentials that expire or are due to be rotated"), "clock-exclamation", "warn",
        _("They work today. Give them new values before they end."),
        "connections:list", "state=ending", VIEW_CONNECTION, _ending,
    ),
    Watch(
        "secrets", _("Sources whose last secret ends"), "clock-exclamation", "warn",
        _(
            "Once it has ended, every delivery is refused. Rotate it while the old one still "
            "counts."
        ),
        "webhooks:sources", "", VIEW_SOURCE, _secrets,
    ),
    Watch(
        "keys", _("API keys that expire within two weeks"), "clock-exclamation", "warn",
        _("Make new ones and hand them to the agents before these end."),
        "agents:list", "", "agents.view_agent", _keys,
    ),
    Watch(
        "outlets", _("Deliveries of the audit log that fail"), "transfer-in", "bad",
        _(
            "A custodian or sink does not take what is new. Its page says why, and sends again "
            "what was lost once it is mended."
        ),
        "audit:outlets", "", VIEW_AUDIT, _outlets,
    ),
    Watch(
        "audit", _("The audit log was not verified lately"), "list-check", "warn",
        _(
            "Press Verify now there, and run manage.py audit_verify every day, from a timer."
        ),
        "audit:records", "", VIEW_AUDIT, _unverified,
    ),
)  # fmt: skip
