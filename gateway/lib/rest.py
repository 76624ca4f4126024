"""What every resource of the REST API shares: strict fields, scoped rows, pages."""

from typing import Any, ClassVar, Generic, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import Http404, QueryDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from gateway.lib import ids
from gateway.lib.errors import Refused

MAX_WAIT_S = 60
Row = TypeVar("Row", bound=Model)


class StrictFields(serializers.Serializer[Any]):
    """A body whose every field is known; an unknown one is refused, never ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """The checked fields. Raises ValidationError for unknown ones too."""
        if isinstance(data, QueryDict):
            data = data.dict()
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(set(data) - known):
                raise serializers.ValidationError(
                    {str(name): ["There is no such field."] for name in unknown}
                )
        return super().to_internal_value(data)


class Router(SimpleRouter):
    """Addresses with or without a slash at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"


class EnvironmentViews(GenericViewSet[Any], Generic[Row]):
    """The rows of the caller's environment: listed newest first, found by id or by their name.

    `permissions` names what each action needs; `named_by` is a second field that identifies a row.
    """

    permissions: ClassVar[dict[str, str]] = {}
    named_by: ClassVar[str] = ""
    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Row]:
        """Only what belongs to the environment of the key or session."""
        if self.is_described:
            return self.rows().none()
        environment = cast(Any, self.request.auth).environment
        return cast(QuerySet[Row], self.rows().within(environment))

    def get_object(self) -> Row:
        """The named row; one of another environment does not exist here (404)."""
        found = find(self.get_queryset(), self.kwargs["id"], by=self.named_by)
        if found is None:
            raise Http404
        return found

    def list(self, request: Request) -> Response:
        """One page."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One row."""
        return Response(self.get_serializer(self.get_object()).data)

    @property
    def is_described(self) -> bool:
        """Whether nobody asks: the OpenAPI document is being written."""
        return bool(getattr(self, "swagger_fake_view", False))

    def rows(self) -> Any:
        """Every row of every environment, to be narrowed."""
        return cast(Any, self).queryset.all()


def find(rows: QuerySet[Row], text: str, *, by: str = "") -> Row | None:
    """The row with this public id, or with this name in the field `by`."""
    try:
        key = ids.decode(rows.model.PREFIX, text)  # type: ignore[attr-defined]
    except ids.BadId:
        return rows.filter(**{by: text}).first() if by else None
    return rows.filter(pk=key).first()


def named(rows: QuerySet[Row], text: str | None, *, by: str, what: str) -> Row | None:
    """The row that a body names by id or name; None where it names none. Raises Refused."""
    if not text:
        return None
    found = find(rows, text, by=by)
    if found is None:
        raise Refused(f"unknown_{what}", f"There is no {what} {text[:80]!r} in this environment.")
    return found


def checked(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body's fields; raises ValidationError (422), naming each field that is wrong."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def wait_of(text: str | None) -> int:
    """The seconds of `?wait=`; 0 without it. Raises Refused unless it is 0 to 60."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text[:4]) <= MAX_WAIT_S):
        raise Refused("invalid", f"wait is a whole number of seconds, at most {MAX_WAIT_S}.")
    return int(text)
