"""Making connections."""

from datetime import datetime
from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection, Token
from gateway.connections.services import checks
from gateway.connections.services.sealed import put_value
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tenants.services import check_region


@transaction.atomic
def create(
    environment: Environment,
    *,
    slug: str,
    kind: str,
    value: str = "",
    name: str = "",
    config: dict[str, Any] | None = None,
    region: str = "",
    limits: dict[str, Any] | None = None,
    rotate_after_days: int | None = None,
    expires_at: datetime | None = None,
) -> Connection:
    """Store a credential sealed; `value` may be a reference `env:NAME` or `file:NAME`.

    The variable begins with COUNTERSIGN_CONNECTION_, the file lies in COUNTERSIGN_CONNECTION_DIR.

    Raises Refused for an unknown kind, a setting, limit or value that cannot be, or a slug in use.
    """
    rules = checks.kind_of(kind)
    value, config = checks.completed(rules, value, config or {})
    check_region(region)
    checks.check_config(rules, config)
    checks.check_limits(limits or {})
    checks.check_reminders(rotate_after_days=rotate_after_days, expires_at=expires_at)
    checks.check_value(rules, value)
    _check_slug(environment, slug)
    connection = Connection(
        environment=environment, slug=slug, kind=kind, name=name, config=config, region=region,
        limits=limits or {}, rotate_after_days=rotate_after_days, expires_at=expires_at,
    )  # fmt: skip
    put_value(connection, value)
    connection.save(force_insert=True)
    if rules.issues:
        Token.objects.create(connection=connection)
    audit.record(
        AuditAction.CONNECTION_CREATED,
        target=Target("connection", connection.public_id, connection.revision),
        scope=environment.audit_scope,
        changes={
            "kind": [None, kind], "slug": [None, slug], "region": [None, region],
            "config": [None, config], "limits": [None, limits or {}],
        },
    )  # fmt: skip
    return connection


def _check_slug(environment: Environment, slug: str) -> None:
    held = Connection.objects.within(environment).filter(slug=slug).first()
    if held is None:
        return
    was = " It is archived; its name stays with what it did." if held.archived_at else ""
    raise Refused("slug_in_use", f"There is a connection {slug!r} already.{was}")
