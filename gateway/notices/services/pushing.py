"""Notices in browsers: which ones a member is told in, and the message, by each one's service."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, RetryClass
from gateway.lib import sealing
from gateway.lib.errors import Refused
from gateway.lib.sealing import CannotUnseal
from gateway.notices import webpush
from gateway.notices.media import DESK_ONLY, risk_of
from gateway.notices.models import Browser, Notice
from gateway.notices.services.choosing import member_of
from gateway.notices.services.mailing import heading_of
from gateway.notices.services.sending import NotSent, Sent
from gateway.notices.wording import line
from gateway.tenants.models import Environment, Member
from gateway.tenants.models.access import digest_of
from gateway.tenants.principals import Principal

MOST_OF_ONE = 10
DEADLINE_S = 10.0
# How long a service keeps a message for a browser that is off, where nothing ends before.
LONGEST_TTL_S = 86_400
GONE = frozenset({404, 410})
# What may be otherwise a little later.
PASSING = frozenset({408, 425, 429})


def is_on() -> bool:
    """Whether the deployment has a key that push services know it by."""
    return bool(settings.PUSH_KEY)


def key_for_browsers() -> str:
    """The public half of the key, which browsers subscribe with; empty where there is none."""
    return webpush.public_text(settings.PUSH_KEY) if is_on() else ""


def browsers_of(member: Member, environment: Environment) -> QuerySet[Browser]:
    """The browsers in which the member is told of what waits in the environment."""
    rows: QuerySet[Browser] = Browser.objects.within(environment).filter(
        member=member, removed_at=None
    )
    return rows.order_by("id")


@transaction.atomic
def add_browser(*, endpoint: str, p256dh: str, auth: str, by: Principal) -> Browser:
    """Tell this member in one more browser.

    Whoever sat at the same browser before is told there no longer. Raises Refused for what is no
    subscription, or for too many browsers; Denied for who is no member.
    """
    member = member_of(by)
    if not is_on():
        raise Refused("push_is_off", "This deployment has no key for push messages.")
    try:
        webpush.subscription(endpoint=endpoint, p256dh=p256dh, auth=auth)
    except webpush.BadSubscription as error:
        raise Refused(
            "bad_subscription", f"The browser gave what cannot be used: {error}."
        ) from error
    digest = digest_of(endpoint)
    others = Browser.objects.filter(digest=digest, removed_at=None).exclude(member__user=by.user)
    for row in others.select_related("environment__tenant", "member"):
        _remove(row, reason="another_person")
    own = browsers_of(member, by.environment)
    for row in own.filter(digest=digest):
        _remove(row, reason="renewed")
    if own.count() >= MOST_OF_ONE:
        raise Refused("too_many", f"You are told in {MOST_OF_ONE} browsers: remove one first.")
    made = Browser(
        environment=by.environment, member=member, digest=digest,
        service=str(urlsplit(endpoint).hostname)[:100],
    )  # fmt: skip
    said = {"endpoint": endpoint, "p256dh": p256dh, "auth": auth}
    made.sealed = sealing.seal(json.dumps(said), **made.place())
    made.save(force_insert=True)
    _record(AuditAction.BROWSER_ADDED, made)
    return made


@transaction.atomic
def remove_browser(browser: Browser, *, by: Principal) -> None:
    """Tell the member in this browser no longer. Raises Refused for somebody else's."""
    if browser.member_id != member_of(by).pk:
        raise Refused("not_yours", "Only the member whose browser it is removes it.")
    _remove(browser, reason="asked")


def push(notice: Notice) -> Sent:
    """Write to each of the member's browsers; one that takes it is enough. Raises NotSent."""
    assert notice.member is not None
    text, failures, took = _text(notice), [], 0
    for browser in browsers_of(notice.member, notice.environment):
        try:
            took += _push_to(browser, notice, text)
        except NotSent as error:
            failures.append(error)
    if took:
        return Sent()
    if failures:
        raise min(failures, key=lambda error: error.is_final)
    raise NotSent("no_browser", "No browser of this person takes notices now.", is_final=True)


def _text(notice: Notice) -> bytes:
    """Risk, tool and place, and nothing else: it stands on locked screens."""
    place = notice.environment
    path = reverse(
        "approvals:detail", args=(place.tenant.slug, place.slug, notice.action.public_id)
    )
    said = {
        "title": heading_of(notice), "body": line(f"{place.tenant.name}, {place.name}"),
        "path": path, "tag": notice.public_id,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False).encode()


def _push_to(browser: Browser, notice: Notice, text: bytes) -> bool:
    """Whether the service took it; False for a browser that is no more."""
    try:
        to = _opened(browser)
    except CannotUnseal as error:
        raise NotSent(
            "unreadable", "The browser's keys cannot be opened.", is_final=True
        ) from error
    risk = risk_of(notice.action.risk)
    headers = webpush.headers(
        to, key=settings.PUSH_KEY, contact=_contact(), now=timezone.now(), ttl_s=_ttl_s(notice),
        # A repeated message takes the place of the one that was not fetched yet.
        topic=notice.public_id, urgency="high" if risk in DESK_ONLY else "normal",
    )  # fmt: skip
    request = Request("POST", to.endpoint, headers, webpush.sealed(text, to))
    try:
        with door() as sender:
            answer = sender.send(
                request, retry_class=RetryClass.IDEMPOTENT, deadline_s=DEADLINE_S, attempts=1
            )
    except OutsideError as error:
        raise NotSent(
            error.reason, f"{browser.service}: {error}", is_final=error.permanent
        ) from error
    return _took(browser, answer)


def _took(browser: Browser, answer: Answer) -> bool:
    if answer.ok:
        Browser.objects.filter(pk=browser.pk).update(used_at=Now())
        return True
    if answer.status in GONE:
        with transaction.atomic():
            _remove(browser, reason="gone")
        return False
    raise NotSent(
        f"http_{answer.status}",
        f"{browser.service} answered {answer.status}.",
        is_final=answer.status < 500 and answer.status not in PASSING,
        retry_after=answer.retry_after,
    )


def _opened(browser: Browser) -> webpush.Subscription:
    said: dict[str, Any] = json.loads(sealing.unseal(browser.sealed, **browser.place()))
    return webpush.Subscription(
        said["endpoint"], webpush.unpacked(said["p256dh"]), webpush.unpacked(said["auth"])
    )


def _contact() -> str:
    """Whom a push service would write to about our messages."""
    return settings.PUBLIC_URL if settings.IS_HTTPS else f"mailto:{settings.DEFAULT_FROM_EMAIL}"


def _ttl_s(notice: Notice) -> int:
    """For how long the message is worth delivering, in seconds."""
    ends = notice.action.decide_by
    left = ends - timezone.now() if ends else timedelta(seconds=LONGEST_TTL_S)
    return max(0, min(LONGEST_TTL_S, int(left.total_seconds())))


def _remove(browser: Browser, *, reason: str) -> None:
    """End it once, and forget its keys."""
    rows = Browser.objects.filter(pk=browser.pk, removed_at=None)
    if rows.update(removed_at=Now(), sealed=""):
        _record(AuditAction.BROWSER_REMOVED, browser, reason=reason)


def _record(what: AuditAction, browser: Browser, **more: str) -> None:
    audit.record(
        what, target=Target("member", browser.member.public_id),
        scope=browser.environment.audit_scope,
        meta={"browser": browser.public_id, "service": browser.service, **more},
    )  # fmt: skip
