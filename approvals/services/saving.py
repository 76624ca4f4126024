"""Saved views of the inbox: made, shared, changed and removed."""

from contextlib import AbstractContextManager

from django.db.models import QuerySet
from django.http import QueryDict

from approvals.models import SavedView
from approvals.models.views import NAME_LENGTH, QUERY_LENGTH
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import User
from gateway.tenants.principals import Principal

VIEW = "approvals.view_action"
# Whoever takes part in the work on actions may give others a view of them.
SHARE = "approvals.comment_action"
# Whoever administers the rules may clear up what others share.
CLEAR = "approvals.change_policy"
MOST_OF_ONE = 50
# What a view keeps of an address; everything else belongs to the moment.
KEPT = ("tab", "q", "risk", "tool", "agent", "assignee", "snoozed", "sort")


def kept_query(params: QueryDict) -> str:
    """The part of an inbox's address that a view keeps, always in the same order."""
    found = QueryDict(mutable=True)
    for name in KEPT:
        if value := params.get(name, "").strip():
            found[name] = value
    return found.urlencode()


def save_view(*, name: str, params: QueryDict, is_shared: bool, by: Principal) -> SavedView:
    """Keep a view under a name of its own.

    Raises Denied, Refused for no name, too long a query or too many views, or Conflict for a name
    that this person uses already.
    """
    query = kept_query(params)
    with _attempt(by):
        owner = _may_keep(by, is_shared=is_shared)
        own = _own(by)
        words = _checked(name, query, others=own)
        if own.count() >= MOST_OF_ONE:
            raise Refused("too_many", f"You have {MOST_OF_ONE} views: remove one first.")
        made = SavedView.objects.create(
            environment=by.environment, owner=owner, name=words, query=query, is_shared=is_shared
        )
        _record(AuditAction.VIEW_SAVED, made, by)
    return made


def change_view(
    *,
    view: SavedView,
    by: Principal,
    name: str | None = None,
    params: QueryDict | None = None,
    is_shared: bool | None = None,
) -> SavedView:
    """Give one's own view another name or other filters, share it or keep it to oneself.

    What is not given stays. Raises Denied for a view of somebody else or without the right to
    share, Refused and Conflict as `save_view` does.
    """
    with _attempt(by):
        own = _own(by)
        held = own.select_for_update().filter(pk=view.pk).first()
        if held is None:
            raise Denied("not_permitted", "This view is somebody else's: save one of your own.")
        is_shared = held.is_shared if is_shared is None else is_shared
        _may_keep(by, is_shared=is_shared)
        query = held.query if params is None else kept_query(params)
        words = _checked(held.name if name is None else name, query, others=own.exclude(pk=held.pk))
        before = (held.name, held.query, held.is_shared)
        if before != (words, query, is_shared):
            held.name, held.query, held.is_shared = words, query, is_shared
            held.save(update_fields=["name", "query", "is_shared"])
            _record(AuditAction.VIEW_CHANGED, held, by, was_shared=before[2])
    return held


def remove_view(*, view: SavedView, by: Principal) -> None:
    """Remove one's own view, or as an admin one that is shared. Raises Denied."""
    with _attempt(by):
        is_own = by.user is not None and view.owner_id == by.user.pk
        if not is_own and not (view.is_shared and by.has(CLEAR)):
            raise Denied("not_permitted", "This view is somebody else's.")
        _record(AuditAction.VIEW_REMOVED, view, by)
        view.delete()


def _own(by: Principal) -> QuerySet[SavedView]:
    mine: QuerySet[SavedView] = SavedView.objects.within(by.environment).filter(owner=by.user)
    return mine


def _may_keep(by: Principal, *, is_shared: bool) -> User:
    """The person whose view it is."""
    if by.user is None or not by.is_member or not by.has(SHARE if is_shared else VIEW):
        raise Denied("not_permitted", "Your roles here do not let you save such a view.")
    return by.user


def _checked(name: str, query: str, *, others: QuerySet[SavedView]) -> str:
    """The name as it is kept."""
    words = name.strip()
    if not words or len(words) > NAME_LENGTH:
        raise Refused("name_invalid", f"A view has a name of at most {NAME_LENGTH} characters.")
    if len(query) > QUERY_LENGTH:
        raise Refused("query_too_long", "These filters are too long to be saved.")
    if others.filter(name=words).exists():
        raise Conflict("name_in_use", f"You have a view named {words} already.")
    return words


def _attempt(by: Principal) -> AbstractContextManager[None]:
    place = by.environment
    return unit_of_work(
        attempt=AuditAction.VIEW_REFUSED,
        target=Target("environment", place.public_id),
        scope=place.audit_scope,
    )


def _record(what: AuditAction, view: SavedView, by: Principal, **more: bool) -> None:
    audit.record(
        what,
        target=Target("view", view.public_id),
        scope=view.environment.audit_scope,
        actor=by.actor,
        meta={"is_shared": view.is_shared, **more},
    )
