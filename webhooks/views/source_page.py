"""What the pages of a source show: its rhythm, its secrets, its routes and what it refused."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext

from webhooks import services
from webhooks.models import Refusal, Route, Source
from webhooks.schemes.explain import span
from webhooks.views.pages import Item, place

REFUSAL_DAYS = 30


class SourcePage:
    """Everything on the page of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.now = timezone.now()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.source.name or self.source.slug

    @property
    def state(self) -> str:
        """On or off."""
        return "enabled" if self.source.is_enabled else "disabled"

    @property
    def address(self) -> str:
        """Where providers send to."""
        return self.source.url

    @cached_property
    def usually(self) -> str:
        """How often it sends, in words; empty where that is not known."""
        found = services.rhythm(self.source)
        return gettext("usually every {span}").format(span=span(found.usual_s)) if found else ""

    @property
    def events(self) -> int:
        """How many it accepted."""
        return self.source.events.count()

    @property
    def about(self) -> list[Item]:
        """The source in short."""
        source = self.source
        events = place(source, "webhooks:events")
        last = Item(gettext("Last event"), at=source.last_event_at)
        rows = [
            Item(gettext("Scheme"), f"{source.rules.title} ({source.scheme})"),
            Item(gettext("Events"), str(self.events), url=f"{events}?source={source.slug}"),
            last if source.last_event_at else Item(gettext("Last event"), gettext("none yet")),
            Item(gettext("Rhythm"), self.usually or gettext("too few events to tell")),
            Item(gettext("Provider"), source.provider.slug if source.provider else gettext("none")),
        ]
        rows += [Item(name, str(value)) for name, value in sorted(source.settings.items())]
        return [*rows, Item(gettext("Id"), source.public_id)]

    @property
    def secrets(self) -> list[tuple[Any, str]]:
        """Each secret and whether it counts now; values never leave the database."""
        return [
            (secret, "enabled" if secret.is_live(self.now) else "expired")
            for secret in self.source.secrets.all()
        ]

    @property
    def has_live_secret(self) -> bool:
        """Whether anything can be accepted now."""
        return any(secret.is_live(self.now) for secret in self.source.secrets.all())

    @property
    def refusals(self) -> Any:
        """The counts of the last days by reason."""
        since = self.now - timedelta(days=REFUSAL_DAYS)
        return refusals_since(since).filter(source=self.source)

    @property
    def routes(self) -> list[tuple[Route, str]]:
        """The routes in order, each with what it feeds."""
        return [(route, _leads_to(route)) for route in self.source.routes.select_related("agent")]

    @property
    def implicit_route(self) -> str:
        """What happens where no route says otherwise."""
        if self.source.provider:
            return gettext("Every event feeds the runs of {provider}.").format(
                provider=self.source.provider.slug
            )
        return gettext("Every event is only recorded.")


def refusals_since(since: datetime) -> Any:
    """Refusals by reason since a moment: how many, and when last."""
    rows = Refusal.objects.filter(hour__gte=since - timedelta(hours=1), last_at__gte=since)
    grouped = rows.order_by().values("reason")
    return grouped.annotate(total=Sum("count"), latest=Max("last_at")).order_by("-total")


def _leads_to(route: Route) -> str:
    if route.agent:
        return route.agent.slug
    return route.tool
