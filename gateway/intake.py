"""ASGI entry of intake processes: webhooks only, with the few apps whose tables they touch.

    uvicorn gateway.intake:application --no-access-log --no-proxy-headers

Leaving out the admin, the REST framework and the desk keeps such a process small.
"""

import gc
import os

import django
from django.apps import apps
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
NEEDED = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "audit",
    "gateway.tenants",
    "gateway.agents",
    "webhooks",
]
is_alone = not apps.ready
if is_alone:
    settings.INSTALLED_APPS = NEEDED
    django.setup()

from webhooks.ingest import Intake  # noqa: E402 - settings first

application = Intake()
if is_alone:
    # What is loaded stays: without this the collector walks through it and stalls for 60 ms.
    gc.collect()
    gc.freeze()
