"""Where people are signed in: noted at most once a minute, ended by themselves."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.actions import AuditAction
from gateway.lib.clients import address_of
from gateway.tenants.models import SignIn, User
from gateway.tenants.models.access import digest_of
from gateway.tenants.services import sessions

SEEN_EVERY_S = 60
MAX_BROWSER = 200


def seen(user: User, session_key: str, *, address: str, browser: str) -> None:
    """Note that the person uses this session; a write once a minute for each session."""
    # By digest, because what is in the cache is nobody's way in.
    if not cache.add(f"seen:{digest_of(session_key)}", "y", SEEN_EVERY_S):
        return
    SignIn.objects.update_or_create(
        session_key=session_key,
        defaults={
            "user": user, "address": _plain(address), "browser": browser[:MAX_BROWSER],
            "last_seen_at": timezone.now(),
        },
    )  # fmt: skip


def open_sign_ins(user: User) -> QuerySet[SignIn]:
    """The browsers in which this person is signed in now."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows: QuerySet[SignIn] = SignIn.objects.filter(user=user, session_key__in=alive)
    return rows


@transaction.atomic
def end_sign_in(row: SignIn) -> None:
    """Sign out in this browser, and record that."""
    _end([row.session_key])
    sessions.record_of(AuditAction.SIGN_IN_ENDED, row.user, meta={"sign_in": row.public_id})


@transaction.atomic
def end_other_sign_ins(user: User, *, keep: str) -> int:
    """Sign out everywhere but in the session `keep`; how many sessions ended.

    Sessions say themselves whose they are: one that was never noted ends as well.
    """
    rows = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=keep)
    theirs = [row.session_key for row in rows.iterator() if _user_of(row) == str(user.pk)]
    _end(theirs)
    if theirs:
        sessions.record_of(AuditAction.SIGN_IN_ENDED, user, meta={"sessions": len(theirs)})
    return len(theirs)


def _plain(address: str) -> str | None:
    """The address as the database takes it: without the zone of a link-local one."""
    return address_of(address).partition("%")[0] or None


def _end(keys: list[str]) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in keys:
        store(session_key=key).delete()
    SignIn.objects.filter(session_key__in=keys).delete()


def _user_of(row: Session) -> Any:
    return row.get_decoded().get(SESSION_KEY)
