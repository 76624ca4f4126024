"""The same reception without an event loop: for Django's own server, its test client and WSGI."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from gateway.lib import ids
from gateway.lib.broker import JobName, ring
from webhooks.ingest.answers import (
    HERE,
    WRONG_METHOD,
    Answer,
    acknowledgement,
    handshake,
    refusal,
)
from webhooks.ingest.client import client_address
from webhooks.ingest.judge import Incoming, Rejected, check_form, greet, judge
from webhooks.ingest.sources import Entry, entry_of
from webhooks.ingest.stores import commit_by_django
from webhooks.ingest.tally import Tally, write
from webhooks.models import Event, Source
from webhooks.schemes.handshakes import Reply
from webhooks.schemes.reasons import Reason
from webhooks.schemes.verifier import Header


@csrf_exempt
def receive(request: HttpRequest, address: str) -> HttpResponse:
    """One delivery, its signature checked and its event committed before the answer."""
    answer = _received(request, address) if request.method == "POST" else _greeted(request, address)
    response = HttpResponse(answer.body, status=answer.status, content_type=None)
    for name, value in answer.headers:
        if name != b"connection":  # belongs to the server, not to a view
            response[name.decode()] = value.decode()
    return response


def _greeted(request: HttpRequest, address: str) -> Answer:
    if request.method == "HEAD":
        return HERE
    reply = (
        greet(_entry(address.removesuffix("/")), _query(request))
        if request.method == "GET"
        else None
    )
    return handshake(reply) if reply else WRONG_METHOD


def _query(request: HttpRequest) -> bytes:
    return str(request.META.get("QUERY_STRING", "")).encode("latin-1", "replace")


def _entry(address: str) -> Entry | None:
    rows = Source.objects.filter(address=address).select_related("environment")
    source = rows.prefetch_related("secrets", "documents").first()
    return entry_of(source) if source else None


def _received(request: HttpRequest, address: str) -> Answer:
    headers = _headers(request)
    client = client_address((request.META.get("REMOTE_ADDR", ""), 0), headers)
    try:
        check_form(headers, dict(headers), max_body_bytes=settings.MAX_BODY_BYTES)
        body = request.body
    except RequestDataTooBig:
        return refusal(Reason.TOO_LARGE)
    except Rejected as rejected:
        return refusal(rejected.reason)
    return receive_now(
        address.removesuffix("/"), headers, body, client=client, query=_query(request)
    )


def _headers(request: HttpRequest) -> list[Header]:
    return [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]


def receive_now(
    address: str, headers: Sequence[Header], body: bytes, *, client: str, query: bytes = b""
) -> Answer:
    """Verify, store and count one delivery on Django's connection."""
    entry, tally, now = _entry(address), Tally(), datetime.now(UTC)
    try:
        arrival = judge(entry, Incoming(headers, dict(headers), body, client, query))
    except Rejected as rejected:
        source_id = entry.source_id if entry else None
        tally.refused[source_id, rejected.reason] += 1
        if source_id and rejected.wanted:
            tally.want(source_id, rejected.wanted)
        write(tally, now)
        return refusal(rejected.reason)
    if isinstance(arrival, Reply):
        return handshake(arrival)
    commit_by_django([arrival])
    tally.used[arrival.secret_id] = tally.heard[arrival.entry.source_id] = now.timestamp()
    event = arrival.public_id
    if arrival.existing is not None:
        event = ids.encode(Event.PREFIX, arrival.existing)
        tally.copy_of(arrival.existing)
    write(tally, now)
    ring(JobName.PROCESS_EVENTS)
    assert arrival.outcome is not None
    return acknowledgement(
        arrival.outcome,
        event,
        correlation_id=arrival.correlation_id,
        status=arrival.entry.success_status,
    )
