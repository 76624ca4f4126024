"""Objects over S3's REST interface: written under conditions, so that an overwrite is seen.

Settings: `bucket`, `region` or `base_url`, and `prefix`, the folder that keys stay in.
Connection: `aws_sigv4`, service s3.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gateway.connectors.base import Affected, ConnectorRequest, Outcome, OutcomeStatus, Preview
from gateway.connectors.calls import PREVIEW_ATTEMPTS, PREVIEW_DEADLINE_S, outgoing, perform
from gateway.connectors.files import names
from gateway.connectors.files.content import body, content_of
from gateway.connectors.files.operations import COPY, DELETE, INFO, PUT
from gateway.connectors.rest import base_url, given
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, RetryClass
from gateway.http.status import refused
from gateway.tools.render import RenderError

SETTINGS = frozenset({"base_url", "region", "bucket", "prefix"})
KEY_HEADER, HASH_HEADER = "x-amz-meta-countersign-key", "x-amz-meta-sha256"
GONE = 404
CONDITION_FAILED = 412
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2}(-[a-z0-9]+)+-[0-9]")
_ETAG = re.compile(r'"?([0-9A-Za-z-]{1,100})"?')
_CODE = re.compile(rb"<Error>.{0,500}?<Code>([A-Za-z]{1,60})</Code>", re.DOTALL)
# Refusals of what was asked; S3 did nothing.
SENTENCES = {
    "AccessDenied": "The access key may not do this.",
    "ConditionalRequestConflict": "Somebody else is writing the object at this moment.",
    "EntityTooLarge": "The object is larger than the store takes.",
    "InvalidAccessKeyId": "The store does not know the access key: check the connection.",
    "NoSuchBucket": "There is no such bucket.",
    "NoSuchKey": "There is no such object.",
    "PreconditionFailed": "The object is not, or no longer, what the call says it is.",
    "RequestTimeTooSkewed": "This machine's clock is wrong.",
    "SignatureDoesNotMatch": "The store does not accept the signature: check key and region.",
    "SlowDown": "The store asks us to wait.",
}
PASSING = frozenset({"SlowDown", "ConditionalRequestConflict"})


def check(config: Mapping[str, Any]) -> None:
    """Raises RenderError for settings that name no place."""
    _folder(config)


def render(
    config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The exact request without signature and key."""
    rendered: dict[str, Any] = {
        "kind": "http", "method": "PUT", "headers": {}, "body": None,
        "url": _url(config, names.path("key", given(arguments, "key"))),
    }  # fmt: skip
    if operation == INFO:
        return {**rendered, "method": "HEAD"}
    if operation == DELETE:
        only = arguments.get("etag")
        condition = {} if only is None else {"If-Match": _etag("etag", only)}
        return {**rendered, "method": "DELETE", "headers": condition}
    headers = _condition(arguments)
    if operation == COPY:
        source = _key(config, names.path("source", arguments.get("source")))
        headers["x-amz-copy-source"] = quote(f"/{config['bucket']}/{source}", safe="/~")
        return {**rendered, "headers": headers}
    content = content_of(arguments)
    headers |= {"Content-Type": content.kind, HASH_HEADER: content.sha256}
    return {
        **rendered, **body(content.raw, is_text=content.is_text), "headers": headers,
        "key_in": KEY_HEADER,
    }  # fmt: skip


def preview(request: ConnectorRequest) -> Preview | None:
    """The object as it is, and what will stand in its place."""
    if request.operation == INFO:
        return None
    before = _state(_head(request, request.rendered["url"]))
    label = "new" if before["etag"] is None else f"{before['size']} bytes, {before['etag']}"
    affected = [Affected("object", _place(request.rendered["url"], request.config), label)]
    after: Any = None
    if request.operation == PUT:
        after = {**content_of(request.arguments).facts, "etag": None}
    if request.operation == COPY:
        source = _state(_head(request, _source_url(request)))
        before["source"] = source["etag"]
        after = {**source, "source": source["etag"]}
    return Preview(before, after, tuple(affected), datetime.now(UTC))


def execute(request: ConnectorRequest) -> Outcome:
    """Send it once; where the condition fails, look whether it was ourselves."""
    if request.operation == INFO:
        return _read(request)
    sent = request
    if request.operation == PUT:
        headers = {**request.rendered["headers"], KEY_HEADER: request.idempotency_key}
        sent = replace(request, rendered={**request.rendered, "headers": headers})
    outcome = perform(sent, judge=_judged)
    if outcome.reason == "PreconditionFailed" and request.operation != DELETE:
        return _ours(request) or outcome
    if outcome.status is OutcomeStatus.SUCCEEDED:
        etag = (outcome.response.headers if outcome.response else {}).get("etag")
        return replace(outcome, result=_result(request, etag or _copied(outcome.result)))
    return outcome


def lookup(request: ConnectorRequest) -> Outcome | None:
    """Whether the object is what this action makes of it; None where it did not happen.

    Raises OutsideError where the store cannot be read.
    """
    found = _head(request, request.rendered["url"])
    if request.operation == DELETE:
        return _done(request, None) if found is None else None
    if found is None:
        return None
    if _is_ours(request, found):
        return _done(request, found.headers.get("etag"))
    replaced = request.rendered["headers"].get("If-Match")
    if replaced is not None and found.headers.get("etag") == replaced:
        return None
    return Outcome(
        OutcomeStatus.UNKNOWN, reason="another_object", may_have_happened=True,
        error="Another object stands in this place: it may have replaced ours.",
    )  # fmt: skip


def _is_ours(request: ConnectorRequest, found: Answer) -> bool:
    """Whether this action wrote it. A copy has its source's metadata, so its content tells."""
    if request.operation == PUT:
        return found.headers.get(KEY_HEADER) == request.idempotency_key
    source = _head(request, _source_url(request))
    return source is not None and source.headers.get("etag") == found.headers.get("etag")


def _ours(request: ConnectorRequest) -> Outcome | None:
    try:
        found = lookup(request)
    except OutsideError:
        return None
    return found if found is not None and found.status is OutcomeStatus.SUCCEEDED else None


def _read(request: ConnectorRequest) -> Outcome:
    try:
        found = _head(request, request.rendered["url"])
    except OutsideError as error:
        return Outcome(OutcomeStatus.FAILED, error=error.detail, reason=error.reason,
                       retryable=not error.permanent)  # fmt: skip
    if found is None:
        return Outcome(OutcomeStatus.FAILED, error=SENTENCES["NoSuchKey"], reason="NoSuchKey")
    return Outcome(OutcomeStatus.SUCCEEDED, result=_state(found))


def _judged(answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome in S3's words. A copy that fails late says so under status 200."""
    match = _CODE.search(answer.body[:5000])
    if match is None:
        failed = answer.status == CONDITION_FAILED
        return replace(outcome, reason="PreconditionFailed") if failed else outcome
    code = match[1].decode()
    sentence = SENTENCES.get(code)
    if sentence is None and (answer.ok or answer.status >= 500):
        return replace(
            outcome, status=OutcomeStatus.UNKNOWN, result=None, reason=code,
            error=f"The store failed within the call: {code}.", may_have_happened=True,
            retryable=True,
        )  # fmt: skip
    return replace(
        outcome, status=OutcomeStatus.FAILED, result=None, reason=code,
        error=sentence or f"The store refused with {code}.", may_have_happened=False,
        retryable=code in PASSING or (outcome.retryable and not answer.ok),
    )  # fmt: skip


def _head(request: ConnectorRequest, url: str) -> Answer | None:
    """What the store says of an object without its content; None where there is none."""
    asked: dict[str, Any] = {"method": "HEAD", "url": url, "headers": {}, "body": None}
    try:
        answer = request.client.send(
            outgoing(request, asked, is_reading=True), retry_class=RetryClass.SAFE,
            deadline_s=min(request.deadline_s, PREVIEW_DEADLINE_S), attempts=PREVIEW_ATTEMPTS,
        )  # fmt: skip
        if not answer.ok and answer.status != GONE:
            raise refused(answer, service="The store")
    except OutsideError as error:
        error.may_have_happened = False
        raise
    return answer if answer.ok else None


def _state(answer: Answer | None) -> dict[str, Any]:
    found = {} if answer is None else answer.headers
    size = found.get("content-length", "")
    return {
        "etag": found.get("etag"),
        "size": int(size) if size.isascii() and size.isdigit() else None,
        "content_type": found.get("content-type"),
        "sha256": found.get(HASH_HEADER),
        "changed_at": found.get("last-modified"),
    }


def _done(request: ConnectorRequest, etag: str | None) -> Outcome:
    return Outcome(OutcomeStatus.SUCCEEDED, result=_result(request, etag), may_have_happened=True)


def _result(request: ConnectorRequest, etag: str | None) -> dict[str, Any]:
    return {"key": given(request.arguments, "key"), "etag": etag}


def _copied(text: Any) -> str | None:
    match = re.search(r"<ETag>(?:&quot;|\")?([0-9A-Za-z-]{1,100})", str(text))
    return f'"{match[1]}"' if match else None


def _condition(arguments: Mapping[str, Any]) -> dict[str, str]:
    """A new object, or exactly the one that is to be replaced: nothing is overwritten unseen."""
    replaces = arguments.get("replaces")
    if replaces is None:
        return {"If-None-Match": "*"}
    return {"If-Match": _etag("replaces", replaces)}


def _etag(field: str, value: Any) -> str:
    match = _ETAG.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise RenderError(field, "an ETag is needed")
    return f'"{match[1]}"'


def _folder(config: Mapping[str, Any]) -> str:
    """The address of the bucket."""
    bucket, region = config.get("bucket"), config.get("region")
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise RenderError("bucket", "the name of a bucket is needed")
    if region is not None and (not isinstance(region, str) or not _REGION.fullmatch(region)):
        raise RenderError("region", "a region such as eu-central-1 is needed")
    if region is None and "base_url" not in config:
        raise RenderError("region", "the region, or the base_url of the store, is needed")
    if config.get("prefix"):
        names.path("prefix", str(config["prefix"]).removesuffix("/"))
    return f"{base_url(config, f'https://s3.{region}.amazonaws.com')}/{bucket}/"


def _key(config: Mapping[str, Any], name: str) -> str:
    prefix = str(config.get("prefix") or "").removesuffix("/")
    return f"{prefix}/{name}" if prefix else name


def _url(config: Mapping[str, Any], name: str) -> str:
    return _folder(config) + quote(_key(config, name), safe="/~")


def _source_url(request: ConnectorRequest) -> str:
    return _url(request.config, names.path("source", request.arguments.get("source")))


def _place(url: str, config: Mapping[str, Any]) -> str:
    return f"{config['bucket']}/{url.removeprefix(_folder(config))}"
