"""What the commands about people are told: whose, and what they are called."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import CommandError

from gateway.tenants import principals
from gateway.tenants.models import Tenant
from gateway.tenants.principals import Principal


@dataclass(frozen=True)
class Asked:
    """A tenant, what it calls people, and who asks."""

    tenant: Tenant
    names: list[str]
    by: Principal


def say_whom(parser: ArgumentParser) -> None:
    """The arguments of such a command."""
    parser.add_argument("tenant", help="the tenant's slug")
    parser.add_argument("names", nargs="*", help="ids, addresses, numbers, full names")
    parser.add_argument(
        "--names-from", type=Path, metavar="FILE", help="more of them, one in each line"
    )


def asked(options: dict[str, Any]) -> Asked:
    """The answers; raises CommandError for an unknown tenant or an unreadable file."""
    tenant = Tenant.objects.filter(slug=options["tenant"]).first()
    if tenant is None:
        raise CommandError(f"There is no tenant {options['tenant']!r}: name its slug.")
    names = list(options["names"])
    if options["names_from"] is not None:
        try:
            names += options["names_from"].read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {options['names_from']}: {error}") from error
    first = tenant.environments.earliest("created_at")
    return Asked(tenant, names, principals.system(first))
