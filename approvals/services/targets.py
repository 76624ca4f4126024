"""One at a time per entity: what actions touch, and the lock row that their executions take.

Only what a tool's `affected` names is an entity. Method and address, which stand in its place for
tools that name nobody, are none: every creation posts to the same one. Reads touch nothing.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from approvals.models import Action, ActionTarget, TargetLock
from approvals.states import OPEN
from gateway.lib.sealing import mask_key
from gateway.tools.models import SideEffect


def entities_of(action: Action) -> list[str]:
    """The keys of what the action touches, in the order in which locks are taken."""
    version = action.tool_version
    if version is None or not version.affected or version.side_effect == SideEffect.READ:
        return []
    return sorted({_key(text) for text in action.target})


def key_of(target: list[str]) -> str:
    """What stands for a whole target where calls of the same one are counted; empty for none."""
    return _key("\n".join(target)) if target else ""


def note(action: Action) -> None:
    """Write down which entities a new action touches."""
    rows = [
        ActionTarget(action=action, environment_id=action.environment_id, key=key)
        for key in entities_of(action)
    ]
    if rows:
        ActionTarget.objects.bulk_create(rows)


def follow(action: Action) -> None:
    """Write down what a new version of an action touches."""
    wanted = set(entities_of(action))
    known = set(ActionTarget.objects.filter(action=action).values_list("key", flat=True))
    if wanted != known:
        ActionTarget.objects.filter(action=action).delete()
        note(action)


def take(action: Action, *, lease: timedelta) -> bool:
    """Hold every entity of the action; False, holding none, where another action has one of them.

    In the transaction of the claim. Rows are made before any is locked, and both in the order of
    their keys, so that two claims never wait for each other in a circle.
    """
    entities = entities_of(action)
    if not entities:
        return True
    if len(entities) == 1 and _hold(action, entities, lease=lease):
        return True
    _make(action, entities)
    list(_locks(action, entities).order_by("key").select_for_update().values_list("pk"))
    if _hold(action, entities, lease=lease) == len(entities):
        return True
    release(action)
    return False


def keep(action: Action, *, lease: timedelta) -> None:
    """Hold what the action holds for longer: it goes on finding out what became of it."""
    if entities_of(action):
        _lock_mine(action)
        _mine(action).update(lease_until=Now() + lease)


def release(action: Action) -> None:
    """Let others touch what the action held."""
    if entities_of(action):
        _lock_mine(action)
        _mine(action).update(action=None, lease_until=None)


def holder_of(action: Action) -> Action | None:
    """Another action that is touching one of the entities now."""
    held = _locks(action, entities_of(action)).filter(lease_until__gt=Now())
    lock = held.exclude(action=action).select_related("action").first()
    return lock.action if lock else None


def others_on(action: Action) -> QuerySet[Any]:
    """Other open actions that touch one of its entities, the newest first."""
    rows = ActionTarget.objects.filter(
        environment=action.environment_id, key__in=entities_of(action), action__status__in=OPEN
    )
    others = Action.objects.within(action.environment).filter(pk__in=rows.values("action"))
    return others.exclude(pk=action.pk).for_lists()


def _mine(action: Action) -> QuerySet[TargetLock]:
    return TargetLock.objects.filter(action=action)


def _lock_mine(action: Action) -> None:
    """In the order in which claims take them; one row has no order."""
    if len(entities_of(action)) > 1:
        list(_mine(action).order_by("key").select_for_update().values_list("pk"))


def _locks(action: Action, entities: list[str]) -> QuerySet[TargetLock]:
    return TargetLock.objects.filter(environment=action.environment_id, key__in=entities)


def _hold(action: Action, entities: list[str], *, lease: timedelta) -> int:
    is_free = Q(action=None) | Q(action=action) | Q(lease_until__lt=Now())
    free = _locks(action, entities).filter(is_free)
    return free.update(action=action, lease_until=Now() + lease)


def _make(action: Action, entities: list[str]) -> None:
    rows = [TargetLock(environment_id=action.environment_id, key=key) for key in entities]
    TargetLock.objects.bulk_create(rows, ignore_conflicts=True)


def _key(text: str) -> str:
    return hmac.new(mask_key(), text.encode(), hashlib.sha256).hexdigest()
