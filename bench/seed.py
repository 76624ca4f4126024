"""Migrates a database and puts one source into it: `python -m bench.seed`, prints it as JSON."""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - settings first

from gateway.tenants.models import Environment, Tenant  # noqa: E402
from webhooks import services  # noqa: E402

SECRET = "whsec_" + "YmVuY2htYXJr" * 3


def main() -> None:
    """One tenant, one environment, one source whose events are only recorded."""
    call_command("migrate", verbosity=0, interactive=False)
    tenant = Tenant.objects.create(slug="bench", name="Bench")
    place = Environment.objects.create(tenant=tenant, slug="sandbox", name="s", kind="sandbox")
    secrets = [services.NewSecret(SECRET)]
    source = services.create_source(place, scheme="standard", secrets=secrets, slug="orders")
    print(json.dumps({"path": f"/webhooks/{source.address}", "secret": SECRET}))


if __name__ == "__main__":
    main()
