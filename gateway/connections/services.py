"""Creating connections, and the one place where a credential is opened."""

import os
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.connectors.base import Secret
from gateway.lib import sealing
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tenants.services import check_region

ENV_PREFIX = "COUNTERSIGN_CONNECTION_"
CONFIG_FIELDS = {"bearer": set(), "basic": {"username"}, "header": {"header"}}


@transaction.atomic
def create(
    environment: Environment,
    *,
    slug: str,
    kind: str,
    value: str,
    name: str = "",
    config: dict[str, Any] | None = None,
    region: str = "",
) -> Connection:
    """Store a credential sealed; `value` may be a reference `env:NAME` or `file:NAME`.

    The variable begins with COUNTERSIGN_CONNECTION_, the file lies in COUNTERSIGN_CONNECTION_DIR.

    Raises Refused for an unknown kind, missing settings, an empty value or a slug in use.
    """
    check_region(region)
    _check(environment, slug=slug, kind=kind, value=value, config=config or {})
    connection = Connection(
        environment=environment,
        slug=slug,
        kind=kind,
        name=name,
        config=config or {},
        region=region,
    )
    connection.sealed = sealing.seal(value, **_place(connection))
    connection.fingerprint = sealing.fingerprint(value)
    connection.save()
    audit.record(
        AuditAction.CONNECTION_CREATED,
        target=Target("connection", connection.public_id, connection.revision),
        scope=environment.audit_scope,
        changes={"kind": [None, kind], "slug": [None, slug], "region": [None, region]},
    )
    return connection


def reveal(connection: Connection) -> Secret:
    """The credential, for one outbound call; the use is noted on the row.

    Raises sealing.CannotUnseal, or Refused when a reference leads nowhere.
    """
    value = _resolve(sealing.unseal(connection.sealed, **_place(connection)))
    Connection.objects.filter(pk=connection.pk).update(last_used_at=Now())
    config = connection.config
    return Secret(
        kind=connection.kind,
        value=value,
        username=str(config.get("username", "")),
        header=str(config.get("header", "")),
    )


def _check(
    environment: Environment, *, slug: str, kind: str, value: str, config: dict[str, Any]
) -> None:
    if kind not in CONFIG_FIELDS:
        known = ", ".join(sorted(CONFIG_FIELDS))
        raise Refused("unknown_kind", f"Connection kind {kind!r} is not one of {known}.")
    if missing := CONFIG_FIELDS[kind] - set(config):
        raise Refused("missing_field", f"A {kind} connection needs {', '.join(sorted(missing))}.")
    if value:
        _resolve(value)
    else:
        raise Refused("empty_value", "A connection needs a value, or a reference to one.")
    if Connection.objects.within(environment).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is a connection {slug!r} already.")


def _resolve(value: str) -> str:
    """The secret behind a reference; only places that operators set aside for it may be named.

    Whoever may make connections could otherwise send this server's own secrets anywhere.
    """
    scheme, _, rest = value.partition(":")
    if scheme == "env":
        if not rest.startswith(ENV_PREFIX) or rest not in os.environ:
            raise Refused("reference_missing", f"There is no variable {rest[:80]} with a secret.")
        return os.environ[rest]
    if scheme == "file":
        return _from_file(rest)
    return value


def _from_file(name: str) -> str:
    folder = settings.CONNECTION_DIR.resolve()
    path = (folder / name).resolve()
    try:
        if not path.is_relative_to(folder):
            raise FileNotFoundError(name)
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(
            "reference_missing", f"There is no file {name[:80]} with a secret."
        ) from error


def _place(connection: Connection) -> dict[str, str]:
    return {
        "table": "connection",
        "row": str(connection.pk),
        "field": "value",
        "tenant": str(connection.environment.tenant_id),
    }
