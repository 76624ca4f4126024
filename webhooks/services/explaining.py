"""Explaining to an operator why a delivery is taken or refused; nothing of what was pasted stays.

Whoever is told which bytes are signed and which secret fits could forge deliveries more easily, so
it takes the permission to change the source, and leaves an audit record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import sealing
from gateway.lib.errors import Denied
from gateway.tenants.principals import Principal
from webhooks.ingest.judge import Rejected, check_form
from webhooks.ingest.sources import Entry, entry_of
from webhooks.models import Event, Secret, Source
from webhooks.pasted import Pasted
from webhooks.schemes.base import Request, Scheme
from webhooks.schemes.explain import Explanation, Step, Verdict, explain, span
from webhooks.schemes.mistakes import Held
from webhooks.schemes.reasons import Reason
from webhooks.schemes.secrets import BadSecret, key_of

MAY_DEBUG = "webhooks.change_source"
MAX_OTHERS = 200


@dataclass(frozen=True)
class Arrived:
    """How a delivery came in, as far as it is known; an empty address is not checked."""

    at: datetime
    client: str = ""


def explain_request(
    source: Source, pasted: Pasted, *, arrived: Arrived, by: Principal
) -> Explanation:
    """What the intake would say of a request, and why; the attempt is recorded without its content.

    Raises Denied without the permission to change the source.
    """
    _check_permission(by)
    entry = entry_of(source)
    request = _request(entry, list(pasted.headers), pasted.body, arrived.at)
    request = request._replace(
        method=pasted.method, query=pasted.query, url=entry.signed_url(pasted.query)
    )
    explanation = _explained(source, entry, request, door=_door(entry, request, arrived.client))
    with transaction.atomic():
        audit.record(
            AuditAction.SIGNATURE_DEBUGGED,
            target=Target("source", source.public_id, source.version),
            scope=source.environment.audit_scope,
            meta={"found": explanation.reason or "accepted", "bytes": len(pasted.body)},
            actor=by.actor,
        )
    return explanation


def explain_event(event: Event, *, by: Principal) -> Explanation:
    """The verification of a stored event once more, with the secrets that counted when it came.

    Credentials are never stored and neither is the address's query, so a scheme that needs them
    cannot be verified again. Raises Denied without the permission.
    """
    _check_permission(by)
    entry = entry_of(event.source)
    pairs = [
        (name.lower().encode("latin-1"), v.encode("latin-1")) for name, v in event.header_pairs
    ]
    request = _request(entry, pairs, event.raw, event.received_at)
    return _explained(event.source, entry, request, door=[])


def _check_permission(by: Principal) -> None:
    if not by.has(MAY_DEBUG):
        raise Denied("not_permitted", "Only operators and admins may debug signatures.")


def _request(
    entry: Entry, headers: list[tuple[bytes, bytes]], body: bytes, at: datetime
) -> Request:
    return Request(
        headers,
        body,
        at.timestamp(),
        entry.tolerance_s,
        entry.signed_url(b""),
        documents=entry.documents,
    )


def _explained(source: Source, entry: Entry, request: Request, *, door: list[Step]) -> Explanation:
    moment = datetime.fromtimestamp(request.now, UTC)
    live, others = _secrets(source, entry.scheme, moment)
    urls = [url.encode() for url in (source.url, source.signed_url)]
    told = explain(entry.scheme, request, live, others=others, urls=urls)
    closed = next((step for step in door if step.verdict is Verdict.FAILED), None)
    reason = told.reason or (_why_closed(closed, entry, request) if closed else None)
    return replace(told, steps=(*door, *told.steps), reason=reason)


def _door(entry: Entry, request: Request, client: str) -> list[Step]:
    """What is checked before any signature: the source, the sender's address, the body's form."""
    is_open = "It is on." if entry.is_enabled else "It is off or archived: it takes nothing."
    steps = [Step("Source", _verdict(entry.is_enabled), is_open), _address(entry, client)]
    try:
        check_form(request.headers, dict(request.headers), max_body_bytes=settings.MAX_BODY_BYTES)
    except Rejected as rejected:
        text = f"The media type or an encoding is not taken ({rejected.reason})."
        return [*steps, Step("Form", Verdict.FAILED, text)]
    kind = dict(request.headers).get(b"content-type", b"")
    fits = not request.body or entry.takes(kind)
    size = len(request.body)
    limit = entry.max_body_bytes
    shown = kind.decode("latin-1") or "no media type"
    text = f"{shown}, {size} bytes; the source takes up to {limit} bytes."
    note = "" if fits else f"Taken: {', '.join(entry.scheme.media_types)}"
    return [*steps, Step("Form", _verdict(fits and size <= limit), text, note)]


def _address(entry: Entry, client: str) -> Step:
    if not entry.networks:
        return Step("Address", Verdict.NOT_NEEDED, "Every sender's address is allowed.")
    allowed = ", ".join(map(str, entry.networks))
    if not client:
        text = "Not checked: no address of the sender was given."
        return Step("Address", Verdict.NOT_NEEDED, text, f"Allowed: {allowed}")
    admits = entry.admits(client)
    text = f"{client} is {'' if admits else 'not '}on the list."
    return Step("Address", _verdict(admits), text, f"Allowed: {allowed}")


def _verdict(is_good: bool) -> Verdict:
    return Verdict.OK if is_good else Verdict.FAILED


def _why_closed(step: Step, entry: Entry, request: Request) -> Reason:
    if step.title != "Form":
        return Reason.DISABLED if step.title == "Source" else Reason.ADDRESS
    is_large = len(request.body) > entry.max_body_bytes
    return Reason.TOO_LARGE if is_large else Reason.MEDIA_TYPE


def _secrets(source: Source, scheme: Scheme, at: datetime) -> tuple[list[Held], list[Held]]:
    """Those that count at this time, and those that only help to name a mistake."""
    live, others = [], []
    for secret in source.secrets.all():
        if held := _held(source, secret, scheme):
            if secret.is_live(at):
                live.append(held)
            else:
                others.append(replace(held, note=_why_not(secret, at)))
    return live, others + list(_foreign(source, scheme))


def _foreign(source: Source, scheme: Scheme) -> Iterator[Held]:
    """Secrets of the environment's other sources: endpoints are easily mixed up."""
    rows = Secret.objects.filter(
        source__environment=source.environment, source__archived_at__isnull=True
    ).exclude(source=source)
    for secret in rows.select_related("source__environment").order_by("-id")[:MAX_OTHERS]:
        if held := _held(secret.source, secret, scheme):
            slug = secret.source.slug
            note = f"It is a secret of the source {slug}: perhaps the address of another endpoint, "
            yield replace(
                held, name=f"{held.name} of {slug}", note=note + "or test and live mode mixed up."
            )


def _held(source: Source, secret: Secret, scheme: Scheme) -> Held | None:
    """The secret as this scheme reads it; None where it cannot be opened or read."""
    try:
        text = sealing.unseal(secret.sealed, **secret.place(source))
        return Held(f"\u2022\u2022\u2022\u2022{secret.fingerprint[:6]}", text, key_of(scheme, text))
    except (sealing.CannotUnseal, BadSecret):
        return None


def _why_not(secret: Secret, at: datetime) -> str:
    if secret.not_before is not None and secret.not_before > at:
        return f"It counts only {span((secret.not_before - at).total_seconds())} later."
    assert secret.not_after is not None
    return f"It ended {span((at - secret.not_after).total_seconds())} before."
