"""Fetching the keys and certificates that the intake asked for: those, and nothing else.

What the intake asks for stood in a request that nobody has verified yet. So a scheme's rule is
asked again here, with the keys that are live now, before anything goes out.
"""

import hashlib
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.http.door import door
from gateway.http.errors import OutsideError
from gateway.http.messages import Request, Sender
from gateway.http.status import refused
from gateway.lib.work import backoff_s
from webhooks.ingest.sources import entry_of
from webhooks.models import Document, Source
from webhooks.schemes.extras import Documents

log = structlog.get_logger(__name__)
LEASE_S = 60
# As many as can be asked, each to the end of its time-out, within the lease.
BATCH = 5
MAX_A_JOB = 20
MAX_BYTES = 64 * 1024
RETRY_S = 5.0
# After this many tries without success, or one that cannot be mended, the address is left alone
# for a minute and then forgotten: whoever still needs it asks anew.
MAX_FAILURES = 5
REST_S = 60
TIMEOUT_S = 10.0


def fetch_due(sender: Sender | None = None) -> int:
    """Fetch what is due, one after the other; how many rows were looked at."""
    done = 0
    with door() as usual:
        while done < MAX_A_JOB and (held := _claim()):
            for document in held:
                _bring(document, sender or usual)
            done += len(held)
    return done


def _claim() -> list[Document]:
    """A few due rows, held for a minute: several, so that slow places do not busy every thread."""
    now = timezone.now()
    until = now + timedelta(seconds=LEASE_S)
    rows = Document.objects.due(now).select_related("source__environment__tenant")
    return [
        document
        for document in rows.order_by("due_at")[:BATCH]
        if Document.objects.filter(pk=document.pk, due_at=document.due_at).update(due_at=until)
    ]


def _bring(document: Document, sender: Sender) -> None:
    rule = _rule(document)
    is_given_up = document.content is None and document.failures >= MAX_FAILURES
    if rule is None or is_given_up:
        _forget(document)
        return
    try:
        content = _get(document.url, sender)
    except OutsideError as error:
        _fail(document, error.detail, is_final=error.permanent)
        return
    if rule.is_usable(content):
        _keep(document, content, rule)
    else:
        _fail(document, "What stands there is no key or certificate of this scheme.")


def _rule(document: Document) -> Documents | None:
    """The rule that lets this address be fetched now; None where none does."""
    entry = entry_of(document.source)
    rule = entry.scheme.documents
    keys = [key.value for key in entry.live_keys(timezone.now().timestamp())]
    if not entry.is_enabled or rule is None or not rule.allows(document.url, keys):
        return None
    return rule


def _get(url: str, sender: Sender) -> bytes:
    """What stands at the address; raises OutsideError. Redirects are answers, not followed."""
    # Tried again by the row, so that nothing here sleeps.
    answer = sender.send(Request("GET", url), attempts=1, deadline_s=TIMEOUT_S)
    if not answer.ok:
        raise refused(answer, service="The place of the document")
    if answer.truncated or len(answer.body) > MAX_BYTES:
        raise OutsideError("too_large", True, False, detail="The document is too large to be one.")
    return answer.body


@transaction.atomic
def _keep(document: Document, content: bytes, rule: Documents) -> None:
    now = timezone.now()
    is_new = content != (None if document.content is None else bytes(document.content))
    renew_at = now + timedelta(seconds=rule.renew_after_s) if rule.renew_after_s else None
    Document.objects.filter(pk=document.pk).update(
        content=content, fetched_at=now, due_at=renew_at, failures=0, reason=""
    )
    if not is_new:
        return
    _tell_intake(document.source)
    audit.record(
        AuditAction.DOCUMENT_FETCHED,
        target=Target("source", document.source.public_id),
        scope=document.source.environment.audit_scope,
        meta={"url": document.url},
        payload_sha256=hashlib.sha256(content).hexdigest(),
    )
    log.info("document_fetched", source=document.source.public_id, url=document.url)


def _fail(document: Document, reason: str, *, is_final: bool = False) -> None:
    failures = MAX_FAILURES if is_final else document.failures + 1
    wait_s = backoff_s(failures, base_s=RETRY_S)
    if failures >= MAX_FAILURES and document.content is None:
        wait_s = REST_S
    due_at = timezone.now() + timedelta(seconds=wait_s)
    Document.objects.filter(pk=document.pk).update(
        failures=failures, due_at=due_at, reason=reason[:200]
    )
    source = document.source.public_id
    log.warning("document_not_fetched", source=source, url=document.url, reason=reason)


@transaction.atomic
def _forget(document: Document) -> None:
    """Remove a row that is given up, or whose address the scheme does not name any more."""
    Document.objects.filter(pk=document.pk).delete()
    if document.content is not None:
        _tell_intake(document.source)


def _tell_intake(source: Source) -> None:
    """Every receiving process reads the source again when its version has risen."""
    Source.objects.filter(pk=source.pk).update(version=F("version") + 1)
