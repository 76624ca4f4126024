"""Who stands behind an event: people who had it made, or had new effects made of it.

Four eyes hold for what events ask for as well. Who sends a test chooses what it says, and whoever
orders its effects anew, or lets it out of quarantine, wants them.
"""

import uuid

from django.db.models import Q, QuerySet

from gateway.lib import ids
from gateway.tenants.models import User
from gateway.tenants.principals import Principal
from webhooks.models import Event, EventOrder, Source


def note(source: Source, body_sha256: str, by: Principal) -> None:
    """Write down, before anything happens, that this principal orders what these bytes ask for."""
    if (user := by.user.pk if by.user else by.owner_id) is not None:
        EventOrder.objects.get_or_create(source=source, body_sha256=body_sha256, user_id=user)


def people_behind(event: Event) -> frozenset[str]:
    """The public ids of whoever ordered it, or the delivery that it was an item of."""
    users = _orders_of(event).values_list("user_id", flat=True)
    return frozenset(ids.encode(User.PREFIX, user) for user in users)


def first_orderer(event: Event) -> uuid.UUID | None:
    """Who ordered it first, which is who wrote it where anybody did; None where nobody ordered."""
    return _orders_of(event).order_by("id").values_list("user_id", flat=True).first()


def _orders_of(event: Event) -> QuerySet[EventOrder]:
    is_it = Q(body_sha256=event.body_sha256)
    if event.delivery_id:
        whole = Event.objects.filter(pk=event.delivery_id)
        is_it |= Q(body_sha256__in=whole.values("body_sha256"))
    return EventOrder.objects.filter(is_it, source=event.source_id)
