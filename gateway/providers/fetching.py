"""Reading from a provider: what the adapters that look thin events up have in common."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.http.errors import OutsideError
from gateway.http.messages import Request, RetryClass
from gateway.http.status import refused
from gateway.lib.strictjson import Ambiguous, parse_marked
from gateway.providers.base import ProviderRequest, Unparsable

# One step of a path: nothing that another server could read as two, or as the step above.
_STEP = re.compile(r"(?!\.+$)[A-Za-z0-9._~:-]{1,200}")
VERSION = "/v1"
# Where a provider wants the key that takes no bearer token.
KEY_HEADER = "x-api-key"


def get_json(
    request: ProviderRequest, path: str, *, headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a 2xx answer that is JSON. The key goes as a bearer token, or in `headers`.

    Raises OutsideError for any other answer: one that is not JSON may be a proxy's, and pass.
    """
    base = request.base_url.rstrip("/").removesuffix(VERSION)
    common = {"Accept": "application/json", "X-Correlation-ID": request.correlation_id}
    given = headers or {}
    if KEY_HEADER not in given:
        common["Authorization"] = f"Bearer {request.api_key}"
    answer = request.client.send(
        Request("GET", base + path, {**common, **given}),
        retry_class=RetryClass.SAFE,
        deadline_s=request.deadline_s,
        attempts=1,
    )
    if not answer.ok:
        raise refused(answer, service="The provider")
    if answer.truncated:
        detail = f"The provider's answer is longer than {len(answer.body)} bytes."
        raise OutsideError("too_large", True, False, answer.status, detail=detail)
    try:
        parse_marked(answer.body)
    except Ambiguous as error:
        detail = "The provider's answer is not JSON."
        raise OutsideError("bad_answer", False, False, answer.status, detail=detail) from error
    return answer.body


def step(value: Any) -> str:
    """An id as one step of a path; raises Unparsable for what cannot be one."""
    if not isinstance(value, str) or not _STEP.fullmatch(value):
        raise Unparsable("it names no id that can be looked up")
    return quote(value, safe="")


def object_of(payload: bytes) -> dict[str, Any]:
    """The webhook as an object; empty where it is none, so that nothing is looked up."""
    try:
        value = parse_marked(payload, whole=())
    except Ambiguous:
        return {}
    return value if isinstance(value, dict) else {}


def joined(**parts: bytes) -> bytes:
    """One JSON object of several answers, each with exactly its own bytes."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), raw) for name, raw in parts.items()) + b"}"
