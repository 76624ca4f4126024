"""`Idempotency-Key`: a creating call that is sent twice creates once and is answered the same.

The row is inserted first, in the transaction that creates: either both stand or neither. A call
that talks to the outside before it creates (`is_atomic=False`) holds its row in a transaction of
its own instead; it must be idempotent by itself, because a crash leaves the row without an answer.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.lib.errors import Conflict, DomainError, Refused
from gateway.tenants.authentication import caller
from gateway.tenants.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
# A call without an answer after this long has crashed; its key is free again.
IN_PROGRESS_FOR = timedelta(minutes=2)
MAX_KEY = 200
REFUSALS = (DomainError, APIException, Http404, PermissionDenied)

Create = Callable[..., Response]


def idempotent(
    *, secrets: tuple[str, ...] = (), is_atomic: bool = True
) -> Callable[[Create], Create]:
    """Remember the answer of a creating method under the caller's Idempotency-Key, if one is sent.

    `secrets` are the fields of the answer that are shown once and never kept. Raises Conflict while
    the first call runs, Refused where the key was used for another request.
    """

    def decorate(create: Create) -> Create:
        @wraps(create)
        def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            def act() -> Response:
                return create(view, request, *args, **kwargs)

            key = key_of(request)
            if not key:
                return act()
            run = _in_one_transaction if is_atomic else _around
            return run(request, key, act, secrets=secrets)

        return once

    return decorate


def key_of(request: Request) -> str:
    """The caller's key; empty without one. Raises Refused for one that cannot be kept."""
    key = request.headers.get(HEADER, "").strip()
    if len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise Refused("idempotency_key_invalid", f"{HEADER}: 1 to {MAX_KEY} ASCII characters.")
    return key


def _in_one_transaction(
    request: Request, key: str, act: Callable[[], Response], *, secrets: tuple[str, ...]
) -> Response:
    refused: Exception | None = None
    with transaction.atomic():
        row = _claim(request, key)
        if row.status is not None:
            return _again(row)
        try:
            response = act()
        except REFUSALS as error:
            # Services are atomic by themselves: what stands now is only the record of the refusal.
            row.delete()
            refused = error
        else:
            _remember(row, response, secrets=secrets)
    if refused is not None:
        raise refused
    return response


def _around(
    request: Request, key: str, act: Callable[[], Response], *, secrets: tuple[str, ...]
) -> Response:
    with transaction.atomic():
        row = _claim(request, key)
    if row.status is not None:
        return _again(row)
    try:
        response = act()
    except BaseException:
        row.delete()
        raise
    _remember(row, response, secrets=secrets)
    return response


def _claim(request: Request, key: str) -> IdempotencyKey:
    """A fresh row of ours, or the finished one of an earlier call."""
    principal = caller(request)
    who = f"{principal.kind}:{principal.id}:{principal.environment.public_id}"
    rows = IdempotencyKey.objects.filter(principal=who)
    rows.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    rows.filter(key=key, status=None, created_at__lt=timezone.now() - IN_PROGRESS_FOR).delete()
    row = IdempotencyKey(
        environment=principal.environment, principal=who, key=key,
        request_sha256=_request_digest(request),
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return _earlier(rows.filter(key=key).first(), row)
    return row


def _earlier(found: IdempotencyKey | None, row: IdempotencyKey) -> IdempotencyKey:
    if found is not None and found.request_sha256 != row.request_sha256:
        raise Refused(
            "idempotency_key_reused", f"This {HEADER} was used for another request: take a new one."
        )
    if found is None or found.status is None:
        raise Conflict("idempotency_in_progress", "The first call with this key is still running.")
    return found


def _request_digest(request: Request) -> str:
    # `wait` only says how long to hold the answer: a repetition may wait longer.
    asked = f"{request.method} {request.path.rstrip('/')}\n".encode()
    return hashlib.sha256(asked + request._request.body).hexdigest()


def _remember(row: IdempotencyKey, response: Response, *, secrets: tuple[str, ...]) -> None:
    """Keep an answer that created something; after a refusal the key is free again."""
    if response.status_code >= 300:
        row.delete()
        return
    row.status = response.status_code
    row.answer = {name: None if name in secrets else value for name, value in response.data.items()}
    row.save(update_fields=["status", "answer"])


def _again(row: IdempotencyKey) -> Response:
    return Response(row.answer, status=row.status, headers={REPLAYED: "true"})
