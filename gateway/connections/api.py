"""The REST resource of connections. Values go in and never come back."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.connections import services
from gateway.connections.kinds import KINDS, MAX_TEXT
from gateway.connections.models import Connection, Token
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

MAX_VALUE = 16_000
KIND_CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


class _Text(serializers.DictField):
    child = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, allow_null=True)


class _Numbers(serializers.DictField):
    child = serializers.FloatField(allow_null=True)


class ConnectionIn(StrictFields):
    """A service and the credential for it; `config` holds what is not secret.

    `config.hosts` are the only ones that tools may take the credential to, separated by blanks;
    without them it goes wherever a tool says.
    """

    slug = serializers.SlugField(max_length=40)
    kind = serializers.ChoiceField(choices=KIND_CHOICES)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    value = serializers.CharField(
        max_length=MAX_VALUE, required=False, trim_whitespace=False, write_only=True
    )
    config = _Text(required=False)
    limits = _Numbers(required=False)
    region = serializers.CharField(max_length=40, required=False, allow_blank=True)
    rotate_after_days = serializers.IntegerField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class ConnectionChange(StrictFields):
    """What is to be changed; what is left out stays.

    In `config` and `limits` as well: each named one is set, and null makes it as usual again. An
    address that the secret goes to changes only together with a `value`, and ends a consent: a
    public client, which has none, disconnects first. More of `config.hosts`, which alone get the
    credential, count as such an address. `revision` is the one that the change was made on.
    """

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    value = serializers.CharField(
        max_length=MAX_VALUE, required=False, trim_whitespace=False, write_only=True
    )
    config = _Text(required=False)
    limits = _Numbers(required=False)
    region = serializers.CharField(max_length=40, required=False, allow_blank=True)
    rotate_after_days = serializers.IntegerField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    revision = serializers.IntegerField(required=False)


class NewValueIn(StrictFields):
    """A new value, or a reference to one; the old one is forgotten."""

    value = serializers.CharField(max_length=MAX_VALUE, trim_whitespace=False, write_only=True)
    revision = serializers.IntegerField(required=False)


class TokenOut(serializers.Serializer[Token]):
    """What a service issued, without itself."""

    obtained_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    refresh_at = serializers.DateTimeField(allow_null=True)
    scopes = serializers.CharField()
    failed_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class ConnectionOut(serializers.Serializer[Connection]):
    """A connection without its value."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    config = serializers.JSONField()
    limits = serializers.JSONField()
    region = serializers.CharField()
    fingerprint = serializers.CharField()
    revision = serializers.IntegerField()
    value_since = serializers.DateTimeField()
    rotate_after_days = serializers.IntegerField(allow_null=True)
    rotate_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    state = serializers.SerializerMethodField()
    token = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_state(self, connection: Connection) -> str:
        """`ready`, or what somebody has to do about it."""
        return services.standing(connection, now=timezone.now()).state

    @extend_schema_field(TokenOut(allow_null=True))
    def get_token(self, connection: Connection) -> Any:
        """What was issued for it; null where nothing is."""
        token = services.token_of(connection)
        return TokenOut(token).data if token else None


class CheckOut(serializers.Serializer[services.Trial]):
    """Whether the credential counts."""

    is_good = serializers.BooleanField()
    detail = serializers.CharField()


class DisconnectedOut(serializers.Serializer[Any]):
    """What came of the revocation at the service."""

    revocation = serializers.CharField()


class ConnectionViews(EnvironmentViews[Connection]):
    """Credentials that tools are carried out with."""

    queryset = Connection.objects.filter(archived_at=None).select_related(
        "token", "environment__tenant"
    )
    serializer_class = ConnectionOut
    named_by = "slug"
    permissions: ClassVar[dict[str, str]] = {
        "list": "connections.view_connection",
        "retrieve": "connections.view_connection",
        "create": "connections.change_connection",
        "partial_update": "connections.change_connection",
        "destroy": "connections.change_connection",
        "rotate": "connections.change_connection",
        "check": "connections.change_connection",
        "disconnect": "connections.change_connection",
    }

    @extend_schema(request=ConnectionIn, responses={201: ConnectionOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Store a credential, sealed."""
        body = checked(ConnectionIn, request)
        for name in ("config", "limits"):
            if name in body:
                body[name] = _merged({}, body[name])
        made = services.create(caller(request).environment, **body)
        return Response(ConnectionOut(made).data, status=201)

    @extend_schema(request=ConnectionChange, responses=ConnectionOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change a connection; its slug and kind stay.

        What waits or is approved was approved for the old settings: it is denied when its turn
        comes, unless only names, limits and reminders changed.
        """
        body, connection = checked(ConnectionChange, request), self.get_object()
        for name in ("config", "limits"):
            if name in body:
                body[name] = _merged(getattr(connection, name), body[name])
        return Response(ConnectionOut(services.update(connection, **body)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Archive a connection: its secrets are forgotten, its row stays for what it did."""
        services.archive(self.get_object())
        return Response(status=204)

    @extend_schema(request=NewValueIn, responses=ConnectionOut)
    @route(detail=True, methods=["post"])
    def rotate(self, request: Request, id: str) -> Response:
        """Put a new value in the place of the old one."""
        changed = services.rotate(self.get_object(), **checked(NewValueIn, request))
        return Response(ConnectionOut(changed).data)

    @extend_schema(request=None, responses=CheckOut)
    @route(detail=True, methods=["post"])
    def check(self, request: Request, id: str) -> Response:
        """Use the credential for something harmless; the result is kept."""
        checked(StrictFields, request)
        return Response(CheckOut(services.check(self.get_object())).data)

    @extend_schema(request=None, responses=DisconnectedOut)
    @route(detail=True, methods=["post"])
    def disconnect(self, request: Request, id: str) -> Response:
        """End a consent: revoke what was issued where the service takes it back, and forget it."""
        checked(StrictFields, request)
        note = services.disconnect(self.get_object())
        return Response(DisconnectedOut({"revocation": note}).data)


def _merged(now: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """What is set now with these changes; null takes one out."""
    return {name: value for name, value in {**now, **changes}.items() if value is not None}
