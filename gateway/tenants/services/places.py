"""Tenants and their environments."""

import re
import zoneinfo
from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.lib import wordlists
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment, Tenant

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")
DOMAIN_LENGTH = 253
MOST_DOMAINS = 50
# Names that another part of the service answers to; the desk's address begins with the tenant.
RESERVED = frozenset(
    {
        "accounts",
        "admin",
        "api",
        "healthz",
        "mcp",
        "metrics",
        "readyz",
        "static",
        "webhooks",
        "welcome",
        "ws",
    }
)
FIRST_ENVIRONMENTS = (Environment.Kind.SANDBOX, Environment.Kind.PRODUCTION)


@transaction.atomic
def create_tenant(name: str, slug: str, *, time_zone: str = "UTC") -> Tenant:
    """A tenant with the environments `sandbox` and `production`.

    Raises Refused for a slug that is malformed, reserved or taken, or an unknown time zone.
    """
    _check_slug(slug)
    if slug in RESERVED:
        raise Refused("slug_reserved", f"A tenant cannot be called {slug!r}.")
    if Tenant.objects.filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is a tenant {slug!r} already.")
    if time_zone not in zoneinfo.available_timezones():
        raise Refused("unknown_time_zone", f"There is no time zone {time_zone!r}.")
    tenant = Tenant.objects.create(slug=slug, name=name, time_zone=time_zone)
    audit.record(
        AuditAction.TENANT_CREATED,
        target=Target("tenant", tenant.public_id),
        scope=tenant.audit_scope,
        changes={"slug": [None, slug], "time_zone": [None, time_zone]},
    )
    for kind in FIRST_ENVIRONMENTS:
        create_environment(tenant, slug=kind.value, name=str(kind.label), kind=kind)
    return tenant


@transaction.atomic
def create_environment(tenant: Tenant, *, slug: str, name: str, kind: str) -> Environment:
    """One more environment. Raises Refused for a malformed or taken slug, or an unknown kind."""
    _check_slug(slug)
    if kind not in Environment.Kind.values:
        raise Refused("unknown_kind", "An environment is a sandbox or production.")
    if tenant.environments.filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is an environment {slug!r} already.")
    environment = Environment.objects.create(tenant=tenant, slug=slug, name=name, kind=kind)
    audit.record(
        AuditAction.ENVIRONMENT_CREATED,
        target=Target("environment", environment.public_id),
        scope=environment.audit_scope,
        changes={"slug": [None, slug], "kind": [None, str(kind)]},
    )
    return environment


@transaction.atomic
def change_environment(
    environment: Environment,
    *,
    region: str | None = None,
    word_lists: list[dict[str, Any]] | None = None,
    own_domains: list[str] | None = None,
) -> Environment:
    """Set what policies and reviewers see of the environment; what is not given stays as it is.

    Raises Refused for a region that is no label, or for lists or domains that cannot be used,
    saying which.
    The words themselves stay out of the audit log: they may be what nobody should read.
    """
    held = Environment.objects.select_for_update().select_related("tenant").get(pk=environment.pk)
    changes: dict[str, list[Any]] = {}
    if region is not None and region != held.region:
        check_region(region)
        changes["region"], held.region = [held.region, region], region
    if word_lists is not None and word_lists != held.word_lists:
        _check_lists(word_lists)
        changes["word_lists_sha256"] = [digest(held.word_lists), digest(word_lists)]
        held.word_lists = word_lists
    if own_domains is not None:
        domains = checked_domains(own_domains)
        if domains != held.own_domains:
            changes["own_domains"], held.own_domains = [held.own_domains, domains], domains
    if changes:
        held.save(update_fields=["region", "word_lists", "own_domains"])
        audit.record(
            AuditAction.ENVIRONMENT_CHANGED,
            target=Target("environment", held.public_id),
            scope=held.audit_scope,
            changes=changes,
        )
    return held


def check_region(region: str) -> None:
    """Raises Refused unless this is a label such as `eu` or `eu-central-1`, or nothing."""
    if region and not SLUG.fullmatch(region):
        raise Refused(
            "region_invalid", "A region has 1 to 40 small letters, digits and hyphens between them."
        )


def checked_domains(names: list[str]) -> list[str]:
    """Domains as they are stored: small letters, each once, in order. Raises Refused."""
    found = sorted({name.strip().lower().removeprefix("@") for name in names} - {""})
    for name in found:
        if len(name) > DOMAIN_LENGTH or not DOMAIN.fullmatch(name):
            raise Refused(
                "domain_invalid",
                f"{name!r} is no domain. Write it as it stands behind the @ of an address, "
                "in its xn-- form where it has other letters than a to z.",
            )
    if len(found) > MOST_DOMAINS:
        raise Refused("too_many", f"An environment has at most {MOST_DOMAINS} domains.")
    return found


def _check_lists(lists: list[dict[str, Any]]) -> None:
    try:
        wordlists.compile_lists(lists)
    except wordlists.ListError as error:
        raise Refused("word_lists_invalid", str(error)) from error


def _check_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug):
        raise Refused(
            "slug_invalid", "A slug has 1 to 40 small letters, digits and hyphens between them."
        )
