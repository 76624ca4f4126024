"""RFC 9457 problem details: the one form of every error of the REST API."""

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from audit.context import correlation_id, current
from gateway.lib.errors import Conflict, Denied, DomainError, Refused

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
STATUS = {Refused: 422, Denied: 403, Conflict: 409}


def problem(status: int, code: str, detail: str, /, **extra: Any) -> dict[str, Any]:
    """The body of a problem: its code for machines, its detail for people, the id for support.

    The state of the row it is about travels as `current_status`, beside the answer's own status.
    """
    if "status" in extra:
        extra["current_status"] = extra.pop("status")
    return {
        **extra,
        "type": f"urn:countersign:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": current().request_id or correlation_id(),
    }


def problem_response(status: int, code: str, detail: str, /, **extra: Any) -> JsonResponse:
    """A problem as a plain Django answer, for places outside the REST framework."""
    return JsonResponse(
        problem(status, code, detail, **extra), status=status, content_type=MEDIA_TYPE
    )


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler; None lets an unknown error become a 500."""
    if isinstance(error, DomainError):
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        return _answer(problem(status, error.code, error.detail, **error.extra))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        detail = "Some fields were refused: see `errors`."
        return _answer(problem(422, "invalid", detail, errors=error.detail))
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    if isinstance(error, OperationalError):
        return _database_unavailable(error)
    return None


def _database_unavailable(error: OperationalError) -> Response:
    """The database is away, full or busy for too long: the same request is right later."""
    log.error("database_unavailable", error=repr(error))
    detail = (
        "The database does not take this at the moment. Ask again in some seconds; a change with "
        "the same Idempotency-Key, because it is not known whether it was stored."
    )
    answer = _answer(problem(503, "database_unavailable", detail))
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _from_framework(error: exceptions.APIException) -> Response:
    code = error.get_codes()
    name = code if isinstance(code, str) else "invalid"
    answer = _answer(problem(error.status_code, name, str(error.detail)))
    if (wait := getattr(error, "wait", None)) is not None:
        answer["Retry-After"] = str(int(wait) + 1)
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    return answer


def _answer(body: dict[str, Any]) -> Response:
    return Response(body, status=body["status"], content_type=MEDIA_TYPE)
